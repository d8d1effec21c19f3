#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs that are disturbed on a real Slurm, from generated scripts as they are, side by side: each ends by itself, with every step and
# the loss of a run that nobody disturbs.
# usage: recovery_test.sh SOURCE_DIR BIN_DIR short|full
set -uo pipefail
bin=$2 extent=$3
testbed=$1/slurm/testbed
work=$(mktemp -d /tmp/isoflop-rc.XXXXXX)
export ISOFLOP_TESTBED_DIR=$work/a
# shellcheck source=tests/support/checks.sh
. "$1/tests/support/checks.sh"
# shellcheck source=tests/support/report_column.sh
. "$1/tests/support/report_column.sh"
export ISOFLOP_BIN=$bin OMPI_MCA_mpi_yield_when_idle=1
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

# plan NAME CHAIN RANKS: all of the same training.
plan() {
  "$bin/planner" "$2.yaml" --hours 2 --tokens 2e6 --gpus "$3" --model quick --seq-len 64 --data data --name "$1" --out "plans/$1" &&
    { [ "$3" -gt 1 ] || grep -q '^#SBATCH --signal=USR2@' "plans/$1/train.sbatch"; }
}

# column NAME KEY: of a run's row.
column() { report_column "$2" runs/"$1".s*.h5; }
close_to() { echo "$1, expected $2"; awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; exit !(a != "" && b != "" && d * d < 1e-8) }'; }
starts() { wc -l <"runs/$1.starts"; }
started_again() { echo "$(starts "$1") starts, expected at least $2"; [ "$(starts "$1")" -ge "$2" ]; }
job_of() { squeue -h -n "$1" -t RUNNING -o %i | head -n 1; }
has_checkpoint() { compgen -G "runs/$1.checkpoints/step-*[0-9]" >/dev/null; }
log_of() { cat "$1"-*.log; }

# rank_pid JOB RANK: of a trainer that this job started here.
rank_pid() {
  local proc
  for proc in /proc/[0-9]*; do
    if tr '\0' '\n' <"$proc/environ" | grep -qx "SLURM_JOB_ID=$1" && tr '\0' '\n' <"$proc/environ" | grep -qx "SLURM_PROCID=$2" &&
      [ "$(cat "$proc/comm")" = trainer ]; then
      echo "${proc#/proc/}"
      return 0
    fi
  done 2>/dev/null
  return 1
}

submit() { "$bin/planner" submit "plans/$1" && "$bin/planner" status "plans/$1"; }
# The limit of one minute, which Slurm knows no shorter of, is the only thing that is not the script's.
submit_with_short_limit() { sbatch --time=1 "plans/$1/train.sbatch"; }
# Back to the script's when it was reached, so that slow machines are done after few more.
goes_on() { grep -q 'goes on from step' "$1"-*.log; }
restore_limit() { wait_for 200 goes_on "$1" && scontrol update jobid="$(squeue -h -n "$1" -o %A)" timelimit=4; }

signal_after_checkpoint() {
  wait_for 300 has_checkpoint "$1" && scancel --signal=USR2 "$(job_of "$1")"
}
kill_one_rank() {
  wait_for 120 has_checkpoint killed && kill -KILL "$(rank_pid "$(job_of killed)" 1)"
}
status_without_controller() {
  "$bin/planner" status "plans/$1" | tee status.txt
  grep -q '^Jobs        unknown: ' status.txt && grep -q "^Run         $1: step " status.txt
}
restart_controller() {
  wait_for 120 has_checkpoint controller || return 1
  kill -KILL "$(cat "$work/a/run/slurmctld.pid")"
  status_without_controller controller
  local told=$?
  slurmctld -f "$SLURM_CONF" && wait_for 30 scontrol ping && return $told
}

is_done() { grep -q 'all steps done' "$1"-*.log; }
ends() { wait_for "${2:-300}" is_done "$1" || { log_of "$1" | tail -n 30; squeue; return 1; }; }
as_undisturbed() {
  local whole=whole
  [ "$1" != killed ] || whole=whole_of_2
  [ "$(column "$1" steps)" = "$(column $whole steps)" ] && [ "$(column "$1" state)" = 'done' ] &&
    close_to "$(column "$1" validation_loss)" "$(column $whole validation_loss)"
}
status_is_done() { "$bin/planner" status "plans/$1" | tee status.txt; grep -q ', done$' status.txt; }

left_the_queue() { [ -z "$(squeue -h -n "$1")" ]; }
cancel_and_submit_again() {
  wait_for 300 has_checkpoint cancelled && "$bin/planner" cancel plans/cancelled && wait_for 60 left_the_queue cancelled &&
    grep 'cancelled after step' cancelled-*.log && "$bin/planner" submit plans/cancelled
}

# The daemon of a node and all that runs under it.
processes_of_node() {
  local proc
  cat "$work/a/run/slurmd-$1.pid"
  for proc in /proc/[0-9]*; do
    if tr '\0' '\n' <"$proc/environ" | grep -qx "SLURMD_NODENAME=$1" ||
      readlink "$proc"/fd/* | grep -qx "$work/a/log/slurmd-$1.log"; then
      echo "${proc#/proc/}"
    fi
  done 2>/dev/null
}
# A node loses its power and comes back.
crash_node() {
  wait_for 120 has_checkpoint node || return 1
  local node pids
  node=$(squeue -h -n node -t RUNNING -o %N)
  mapfile -t pids < <(processes_of_node "$node" | sort -u)
  # All at once: whichever outlived the others would tell the controller of their end.
  kill -STOP "${pids[@]}" && kill -KILL "${pids[@]}"
  sleep 2
  slurmd -f "$SLURM_CONF" -N "$node"
}

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

signals=()
disturbed=(limit signal killed controller)
check 'a plan for the limit' plan limit requeue 1
check 'a plan for the signal' plan signal requeue 1
check 'a plan for the killed rank' plan killed requeue 2
check 'a plan for the controller' plan controller requeue 1
check 'a job with a short limit' submit_with_short_limit limit
for run in signal killed controller; do check "planner submits $run" submit $run; done
if [ "$extent" = full ]; then
  for run in dependency array; do
    check "a plan for a chain by $run" plan $run $run 1
    check "planner submits $run" submit $run
    # Beside the others: whichever begins first must not end before its turn.
    signal_after_checkpoint $run >"$run.signal" 2>&1 &
    signals+=($!)
  done
  check 'a plan to cancel' plan cancelled requeue 1
  check 'planner submits it' submit cancelled
  cancel_and_submit_again >cancel.out 2>&1 &
  cancelling=$!
  disturbed+=(dependency array cancelled)
fi
# Of one rank and of two, whose plans differ.
undisturbed() {
  OMP_NUM_THREADS=1 "$bin/trainer" plans/signal/plan.yaml --set run.name=whole &&
    OMP_NUM_THREADS=1 mpirun --oversubscribe --bind-to none -n 2 "$bin/trainer" plans/killed/plan.yaml --set run.name=whole_of_2
}
undisturbed >whole.out 2>&1 &
whole=$!
restore_limit limit >limit.out 2>&1 &
limiting=$!
check 'scancel --signal=USR2' signal_after_checkpoint signal
check 'one of two ranks is killed' kill_one_rank
check 'the controller is killed and started again; status goes on' restart_controller
check 'the short limit is reached' wait $limiting
check 'the undisturbed runs' wait $whole
if [ "$extent" = full ]; then
  check 'a signal in a chain by dependency' wait "${signals[0]}"
  check 'a signal in an array' wait "${signals[1]}"
  check 'planner cancel, planner submit' wait "$cancelling"
fi

ended_well "${disturbed[@]}"
[ "$extent" = short ] || for run in dependency array cancelled; do check "$run was started again" started_again $run 2; done
for run in limit signal killed; do check "$run was started again" started_again $run 2; done
for run in limit signal; do check "$run lost no step" test "$(column $run lost_steps)" = 0; done
check 'the controller disturbed nothing' test "$(starts controller)" -eq 1
if [ "$extent" = full ]; then  # alone: all that runs on the node dies
  check 'a plan for a node that is lost' plan node requeue 1
  check 'planner submits it' submit node
  check 'a node loses its power and comes back' crash_node
  ended_well node
  check 'it was started again' started_again node 2
fi
report_checks
