#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Tests slurm/testbed: what it runs, what it refuses, and that it leaves nothing behind. Uses its own state folders.
# usage: testbed_test.sh SOURCE_DIR MPI_C_COMPILER
set -uo pipefail
testbed=$1/slurm/testbed mpicc=$2
mpi_source=$1/tests/slurm/mpi_ranks.c
work=$(mktemp -d /tmp/isoflop-tb.XXXXXX)
export ISOFLOP_TESTBED_DIR=$work/a
# shellcheck source=tests/support/checks.sh
. "$1/tests/support/checks.sh"

cleanup() {
  ISOFLOP_TESTBED_DIR=$work/a "$testbed/down" --purge 2>/dev/null
  ISOFLOP_TESTBED_DIR=$work/b "$testbed/down" --purge 2>/dev/null
  rm -rf "${work:?}"
}
trap cleanup EXIT

# Pids whose command line or environment names the state folder $1, found without the testbed's own code.
processes_of() {
  local pid
  for pid in /proc/[0-9]*; do
    pid=${pid#/proc/}
    [ "$pid" -ne $$ ] || continue
    if tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qE "(^|=)$1/(etc|run)/" ||
      tr '\0' '\n' <"/proc/$pid/environ" | grep -qx "SLURM_CONF=$1/etc/slurm.conf"; then
      echo "$pid $(tr '\0' ' ' <"/proc/$pid/cmdline")"
    fi
  done 2>/dev/null
}
nothing_left() { local left; left=$(processes_of "$ISOFLOP_TESTBED_DIR"); echo "$left"; [ -z "$left" ]; }
controller_pid() { cat "$1/run/slurmctld.pid"; }

up_is_idempotent() {
  local before
  before=$(controller_pid "$work/a")
  "$testbed/up" && [ "$(controller_pid "$work/a")" = "$before" ]
}

# mpi_job NODES RANKS_PER_NODE EXPECTED_LINES: runs mpi_ranks as a batch job and compares its sorted output.
mpi_job() {
  printf '#!/bin/bash\nsrun --mpi=pmix --kill-on-bad-exit=1 %s\n' "$work/mpi_ranks" >"$work/mpi.sbatch"
  timeout 60 sbatch --wait --partition=cpu --nodes="$1" --ntasks-per-node="$2" --output="$work/mpi.out" "$work/mpi.sbatch"
  sort "$work/mpi.out"
  [ "$(sort "$work/mpi.out")" = "$3" ]
}

# accepts / refuses: what the virtual H100 partition says to a script of 16 x 8 GPUs, with these options changed.
accepts() { sbatch --test-only "$@" "$work/gpu.sbatch"; }
refuses() {
  local reason=$1 answer
  shift
  answer=$(accepts "$@" 2>&1) && return 1
  echo "$answer"
  [[ $answer == *"$reason"* ]]
}

write_gpu_script() {
  cat >"$work/gpu.sbatch" <<'SCRIPT'
#!/bin/bash
#SBATCH --partition=h100 --nodes=16 --ntasks-per-node=8 --gpus-per-node=h100:8 --cpus-per-task=12
#SBATCH --exclusive --mem=0 --time=24:00:00 --signal=USR2@300 --requeue --open-mode=append
echo "$SLURMD_NODENAME has GPUs $CUDA_VISIBLE_DEVICES of $SLURM_NNODES x 8"
exit 3
SCRIPT
}

gpu_job_runs_and_its_exit_code_is_recorded() {
  local job
  job=$(sbatch --parsable --nodes=2 --output="$work/gpu.out" "$work/gpu.sbatch") || return 1
  wait_for 20 grep -q "^JobId=$job .*JobState=FAILED .*ExitCode=3:0" "$work/a/log/jobs.txt" &&
    grep -qx 'h100-01 has GPUs 0,1,2,3,4,5,6,7 of 2 x 8' "$work/gpu.out"
}

wait_for() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.2
  done
}

requeued_job_starts_again_soon() {
  # shellcheck disable=SC2016
  printf '#!/bin/bash\necho "restart ${SLURM_RESTART_COUNT:-0}"\n[ -n "${SLURM_RESTART_COUNT:-}" ] || { scontrol requeue $SLURM_JOB_ID; sleep 60; }\n' >"$work/again.sbatch"
  sbatch --partition=cpu --requeue --open-mode=append --output="$work/again.out" "$work/again.sbatch" &&
    wait_for 30 grep -qx 'restart 1' "$work/again.out"
}

leaves_other_slurm_alone() {
  ISOFLOP_TESTBED_DIR=$work/b "$testbed/up" && ISOFLOP_TESTBED_DIR=$work/b "$testbed/down" --purge &&
    [ ! -e "$work/b" ] && "$testbed/status"
}

ends_running_jobs_and_their_orphans() {
  printf '#!/bin/bash\nsetsid sleep 300 &\nsrun --ntasks=2 sleep 300\n' >"$work/long.sbatch"
  sbatch --partition=cpu --nodes=2 --output=/dev/null "$work/long.sbatch" &&
    wait_for 20 three_sleepers && "$testbed/down" && nothing_left
}
three_sleepers() { [ "$(processes_of "$work/a" | grep -cE '^[0-9]+ (/usr/bin/)?sleep 300')" -eq 3 ]; }

cleans_up_after_killed_up() {
  "$testbed/up" &
  local up=$!
  wait_for 10 test -e "$work/a/run/slurmd-cpu1.pid"
  kill -KILL $up
  wait $up
  [[ $(processes_of "$work/a") == *munged* ]] && "$testbed/down" && nothing_left
}

names_the_daemon_that_fails() {
  mkdir -p "$work/broken"
  printf '#!/bin/sh\necho "fatal: no luck today" >&2\nexit 1\n' >"$work/broken/slurmctld"
  chmod +x "$work/broken/slurmctld"
  PATH=$work/broken:$PATH "$testbed/up" 2>"$work/broken.err" && return 1
  cat "$work/broken.err"
  grep -q 'slurmctld did not start' "$work/broken.err" && grep -q 'no luck today' "$work/broken.err" && nothing_left
}

status_is_3() { "$testbed/status"; [ $? -eq 3 ]; }

refuses_foreign_folder() {
  mkdir -p "$work/foreign" && touch "$work/foreign/thesis.tex"
  ! ISOFLOP_TESTBED_DIR=$work/foreign "$testbed/up" && ! ISOFLOP_TESTBED_DIR=$work/foreign "$testbed/down" --purge &&
    [ -e "$work/foreign/thesis.tex" ]
}

"$mpicc" -O -o "$work/mpi_ranks" "$mpi_source" || exit 1
write_gpu_script

check "down before any up succeeds" "$testbed/down"
check "up starts all nodes" "$testbed/up"
[ $failures -eq 0 ] || exit 1
# shellcheck disable=SC1091
. "$work/a/env.sh"
check "a second up changes nothing" up_is_idempotent
check "status succeeds" "$testbed/status"
check "2 ranks on 2 nodes" mpi_job 2 1 $'rank 0 of 2 on cpu1 sum 3\nrank 1 of 2 on cpu2 sum 3'
check "2 ranks on 1 node" mpi_job 1 2 $'rank 0 of 2 on cpu1 sum 3\nrank 1 of 2 on cpu1 sum 3'
check "4 ranks on 2 nodes" mpi_job 2 2 \
  $'rank 0 of 4 on cpu1 sum 10\nrank 1 of 4 on cpu1 sum 10\nrank 2 of 4 on cpu2 sum 10\nrank 3 of 4 on cpu2 sum 10'
check "h100 accepts 16 x 8 GPUs for 24 h" accepts
check "h100 accepts --gres=gpu:h100:8" accepts --gres=gpu:h100:8
check "h100 refuses 25 h" refuses 'Requested time limit is invalid' --time=25:00:00
check "h100 refuses 9 GPUs a node" refuses 'node configuration is not available' --gpus-per-node=h100:9
check "h100 refuses 17 nodes" refuses 'More processors requested than permitted' --nodes=17
check "h100 refuses another GPU type" refuses 'node configuration is not available' --gpus-per-node=a100:8
check "h100 refuses more CPUs than a node has" refuses 'More processors requested than permitted' --cpus-per-task=13
check "a GPU job runs, its exit code is recorded" gpu_job_runs_and_its_exit_code_is_recorded
check "a requeued job starts again within 30 s" requeued_job_starts_again_soon
check "another testbed comes and goes unnoticed" leaves_other_slurm_alone
check "down ends running jobs and their orphans" ends_running_jobs_and_their_orphans
check "a second down succeeds" "$testbed/down"
check "status says not running with exit code 3" status_is_3
check "down cleans up after a killed up" cleans_up_after_killed_up
check "up names the daemon that fails, with its log" names_the_daemon_that_fails
check "up and down refuse a folder that is not theirs" refuses_foreign_folder

report_checks
