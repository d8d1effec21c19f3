#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs on a real Slurm that lose a node, their node to a partition that comes first, a rank that hangs, or the space on their disk: each
# ends, by itself or once there is space again, with every step and the loss of a run that nobody disturbs.
# usage: recovery_faults_test.sh SOURCE_DIR BIN_DIR
set -uo pipefail
source_dir=$1 bin=$2
# shellcheck source=tests/slurm/recovery.sh
. "$1/tests/slurm/recovery.sh"

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

# Slurm takes the nodes for a job of the partition that comes first, and gives them back.
preempt() {
  wait_for 120 has_checkpoint preempted || return 1
  sbatch --wait -p urgent -N 2 --exclusive --time=1 -o urgent.out --wrap 'srun -N 2 true' && [ -e urgent.out ]
}

# A rank that stands still: the others wait for it for ever, and the watchdog ends them all. Ten minutes are too long for a test.
watch_closely() { sed -i -e 's/stall_min_s: [0-9]*/stall_min_s: 5/' -e 's/pause_limit_s: [0-9]*/pause_limit_s: 60/' plans/hang/plan.yaml; }
stop_one_rank() {
  wait_for 120 has_checkpoint hang && kill -STOP "$(rank_pid "$(job_of hang)" 1)" && wait_for 120 grep -q 'stood still (exit code 9)' hang-*.log
}

# What the run writes is on a small disk, of which a file takes all the space; the job's log is not.
mount_small_disk() {
  mkdir -p small space && mount -t tmpfs -o size=12m tmpfs small && mkdir small/runs && ln -s "$work/small/runs" space/runs && ln -s "$work/data" space/data
}
in_space() (cd space && "$@")
submit_in_space() { in_space "$bin/planner" submit ../plans/full; }
fill_disk() {
  wait_for 120 in_space has_checkpoint full || return 1
  head -c 12M /dev/zero >small/ballast
  wait_for 120 has_left full && cat space/full-*.log && grep -qi 'no space left' space/full-*.log
}
has_left() { [ -z "$(squeue -h -n "$1")" ]; }
clear_disk() { rm small/ballast && submit_in_space; }
trap '! mountpoint -q "$work/small" || umount -l "$work/small"; cleanup' EXIT

for run in node preempted full; do check "a plan for $run" plan $run requeue 1; done
check 'a plan for hang' plan hang requeue 2
undisturbed node hang >whole.out 2>&1 &
whole=$!

check 'planner submits node' submit node
check 'a node loses its power and comes back' crash_node
check 'the undisturbed runs' wait $whole
ended_well node
check 'node was started again' started_again node 2

check 'planner submits preempted' submit preempted
check 'a job of another partition takes its node' preempt
ended_well preempted
check 'preempted was started again' started_again preempted 2
check 'preempted lost no step' test "$(column preempted lost_steps)" = 0

check 'hang is watched closely' watch_closely
check 'planner submits hang' submit hang
stop_one_rank >hang.out 2>&1 &
hanging=$!
if mount_small_disk; then
  check 'planner submits full' submit_in_space
  check 'the disk is full' fill_disk
  check 'there is space again' clear_disk
else
  echo '     no tmpfs can be mounted: the full disk is left out'
fi
check 'a rank hangs' wait $hanging
ended_well hang
if mountpoint -q small; then
  check 'full ends' in_space ends full 400
  mv small/runs/full* runs/
  check 'full has every step and the loss of the undisturbed run' as_undisturbed full
fi
report_checks
