# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced by the tests of recovery: a testbed, plans of one small training, and what must be true of a run that was disturbed and of
# the same run undisturbed. The caller sets `source_dir` and `bin`.
testbed=${source_dir:?}/slurm/testbed
work=$(mktemp -d /tmp/isoflop-rc.XXXXXX)
export ISOFLOP_TESTBED_DIR=$work/a
# shellcheck source=tests/support/checks.sh
. "$source_dir/tests/support/checks.sh"
# shellcheck source=tests/support/report_column.sh
. "$source_dir/tests/support/report_column.sh"
export ISOFLOP_BIN=${bin:?} OMPI_MCA_mpi_yield_when_idle=1
if [ "$(id -u)" -eq 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi

cleanup() {
  "$testbed/down" --purge 2>/dev/null
  rm -rf "${work:?}"
}
trap cleanup EXIT
cd "$work" || exit 1

# wait_for SECONDS COMMAND...
wait_for() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.3
  done
}

# Interruptions are expected so often that checkpoints are as close as the planner ever plans them. The rate is far below the real one:
# a plan that takes longer than a job may last is a chain, and its script asks for a signal before the limit, half a minute as fast machines
# are done with the training in less than one.
write_cluster() {
  cat >"$1.yaml" <<YAML
name: $1
reliability: {device_hours_between_interruptions: 1, requeue_delay: 10s}
partitions:
  - {name: cpu, nodes: 2, cpu_device: core, ranks_per_node: 2, cpus_per_node: 2, mem_gb_per_node: 1, chain: $1,
     intra_node_gb_per_s_per_device: 3, inter_node_gb_per_s_per_node: 3, time_limit: 4m, stop_margin: 25s}
devices:
  core: {kind: cpu, mem_gb: 0.5, mem_bandwidth_gb_per_s: 20, peak_tflops: {fp32: 0.004}, source: assumed}
YAML
}

tokenize_text() {
  local i
  for i in {1..3000}; do echo "line $i: the square of $i is $((i * i))."; done >text.txt
  "$bin/tokenize" text.txt --tokenizer bytes --out data
}

declare -A ranks_of=([whole_of_1]=1 [whole_of_2]=2)
# plan NAME CHAIN RANKS: all of the same training.
plan() {
  ranks_of[$1]=$3
  "$bin/planner" "$2.yaml" --hours 2 --tokens 4e6 --gpus "$3" --model quick --seq-len 64 --data data --name "$1" --out "plans/$1" &&
    { [ "$3" -gt 1 ] || grep -q '^#SBATCH --signal=USR2@' "plans/$1/train.sbatch"; }
}

# column NAME KEY: of a run's row.
column() { report_column "$2" runs/"$1".s*.h5; }
close_to() { echo "$1, expected $2"; awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; exit !(a != "" && b != "" && d * d < 1e-8) }'; }
starts() { wc -l <"runs/$1.starts"; }
started_again() { echo "$(starts "$1") starts, expected at least $2"; [ "$(starts "$1")" -ge "$2" ]; }
# By its own job id, which an array's member has too, and which its ranks have as SLURM_JOB_ID.
job_of() { squeue -h -n "$1" -t RUNNING -o %A | head -n 1; }
# Slurm 22.05 takes no signal to an array's member without an error, but one to its step.
step_of() { squeue -h --steps -j "$(job_of "$1")" -o %i | grep '[0-9]$' | tail -n 1; }
has_checkpoint() { compgen -G "runs/$1.checkpoints/step-*[0-9]" >/dev/null; }
log_of() { cat "$1"-*.log; }

# rank_pid JOB RANK: of a trainer that this job started here.
rank_pid() {
  local pid
  for pid in $(pgrep -x trainer); do
    if tr '\0' '\n' <"/proc/$pid/environ" | grep -qx "SLURM_JOB_ID=$1" && tr '\0' '\n' <"/proc/$pid/environ" | grep -qx "SLURM_PROCID=$2"; then
      echo "$pid"
      return 0
    fi
  done 2>/dev/null
  return 1
}

submit() { "$bin/planner" submit "plans/$1" && "$bin/planner" status "plans/$1"; }

is_done() { grep -q 'all steps done' "$1"-*.log; }
ends() { wait_for "${2:-300}" is_done "$1" || { log_of "$1" | tail -n 30; squeue; return 1; }; }
# undisturbed RUN...: the same training as a run of 1 and, or, of 2 ranks, whose plans differ.
undisturbed() {
  local run n
  for run in "$@"; do
    n=${ranks_of[$run]}
    OMP_NUM_THREADS=1 mpirun --oversubscribe --bind-to none -n "$n" "$bin/trainer" "plans/$run/plan.yaml" --set run.name="whole_of_$n" || return
  done
}
as_undisturbed() {
  local whole=whole_of_${ranks_of[$1]}
  [ "$(column "$1" steps)" = "$(column "$whole" steps)" ] && [ "$(column "$1" state)" = 'done' ] &&
    close_to "$(column "$1" validation_loss)" "$(column "$whole" validation_loss)"
}
status_is_done() { "$bin/planner" status "plans/$1" | tee status.txt; grep -q ', done$' status.txt; }

# ended_well RUN...
ended_well() {
  local run
  for run in "$@"; do
    check "$run ends" ends "$run" 400
    check "$run has every step and the loss of the undisturbed run" as_undisturbed "$run"
    check "planner status knows that $run is done" status_is_done "$run"
  done
}

check 'text is tokenized' tokenize_text
for chain in requeue dependency array; do write_cluster $chain; done
check 'the testbed starts' "$testbed/up"
[ "$failures" -eq 0 ] || exit 1
# shellcheck disable=SC1091
. "$work/a/env.sh"

