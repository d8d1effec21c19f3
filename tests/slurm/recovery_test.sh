#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs that are disturbed on a real Slurm, from generated scripts as they are, side by side: each ends by itself, with every step and
# the loss of a run that nobody disturbs.
# usage: recovery_test.sh SOURCE_DIR BIN_DIR short|full
set -uo pipefail
source_dir=$1 bin=$2 extent=$3
# shellcheck source=tests/slurm/recovery.sh
. "$1/tests/slurm/recovery.sh"

# The limit of one minute, which Slurm knows no shorter of, is the only thing that is not the script's.
submit_with_short_limit() { sbatch --time=1 "plans/$1/train.sbatch"; }
# Back to the script's when it was reached, so that slow machines are done after few more.
goes_on() { grep -q 'goes on from step' "$1"-*.log; }
restore_limit() { wait_for 200 goes_on "$1" && scontrol update jobid="$(squeue -h -n "$1" -o %A)" timelimit=4; }

# Whom to disturb is asked beforehand: on a busy machine Slurm takes seconds to answer, and a run is soon over.
begins() { grep -q 'recording to' "$1"-*.log 2>/dev/null; }
signal_after_checkpoint() {
  local step
  wait_for 600 begins "$1" && step=$(step_of "$1") && wait_for 600 has_checkpoint "$1" && scancel --signal=USR2 "$step" ||
    { squeue --steps; return 1; }
}
kill_one_rank() {
  local pid
  wait_for 600 begins killed && pid=$(rank_pid "$(job_of killed)" 1) && wait_for 600 has_checkpoint killed && kill -KILL "$pid"
}
status_without_controller() {
  "$bin/planner" status "plans/$1" | tee status.txt
  grep -q '^Jobs        unknown: ' status.txt && grep -q "^Run         $1: step " status.txt
}
# Slurm writes its state to disk within 5 s of a change. A controller that dies earlier starts the same job twice, and holds it.
state_is_saved() { ! squeue -h -t RUNNING -o %M | grep -q '^0:0'; }
restart_controller() {
  wait_for 120 has_checkpoint controller && wait_for 60 state_is_saved || return 1
  kill -KILL "$(cat "$work/a/run/slurmctld.pid")"
  status_without_controller controller
  local told=$?
  slurmctld -f "$SLURM_CONF" && wait_for 30 scontrol ping && return $told
}

left_the_queue() { [ -z "$(squeue -h -n "$1")" ]; }
cancel_and_submit_again() {
  wait_for 600 has_checkpoint cancelled && "$bin/planner" cancel plans/cancelled && wait_for 60 left_the_queue cancelled &&
    grep 'cancelled after step' cancelled-*.log && "$bin/planner" submit plans/cancelled
}

# waits_for PID FILE: of something in the background, and shows what it said.
waits_for() {
  wait "$1"
  local code=$?
  cat "$2"
  return $code
}

signals=()
disturbed=(limit signal killed)
check 'a plan for the limit' plan limit requeue 1
check 'a plan for the signal' plan signal requeue 1
check 'a plan for the killed rank' plan killed requeue 2
check 'a plan for the controller' plan controller requeue 1
check 'a job with a short limit' submit_with_short_limit limit
# Beside each other: whichever begins first must not end before its turn.
check 'planner submits signal' submit signal
signal_after_checkpoint signal >signal.out 2>&1 &
signalling=$!
check 'planner submits killed' submit killed
kill_one_rank >kill.out 2>&1 &
killing=$!
if [ "$extent" = full ]; then
  for run in dependency array; do
    check "a plan for a chain by $run" plan $run $run 1
    check "planner submits $run" submit $run
    signal_after_checkpoint $run >"$run.signal" 2>&1 &
    signals+=($!)
  done
  check 'a plan to cancel' plan cancelled array 1
  check 'planner submits it' submit cancelled
  cancel_and_submit_again >cancel.out 2>&1 &
  cancelling=$!
  disturbed+=(dependency array cancelled)
fi
# From the start, which also keeps the run with the short limit from being done before.
undisturbed signal killed >whole.out 2>&1 &
whole=$!
restore_limit limit >limit.out 2>&1 &
limiting=$!
check 'scancel --signal=USR2' waits_for $signalling signal.out
check 'one of two ranks is killed' waits_for $killing kill.out
check 'the short limit is reached' waits_for $limiting limit.out
check 'the undisturbed runs' waits_for $whole whole.out
if [ "$extent" = full ]; then
  check 'a signal in a chain by dependency' waits_for "${signals[0]}" dependency.signal
  check 'a signal in an array' waits_for "${signals[1]}" array.signal
  check 'planner cancel, planner submit' waits_for "$cancelling" cancel.out
fi

# After the others, which change what the controller has to remember.
for run in "${disturbed[@]}"; do wait_for 400 is_done "$run"; done
check 'planner submits controller' submit controller
check 'the controller is killed and started again; status goes on' restart_controller
disturbed+=(controller)

ended_well "${disturbed[@]}"
[ "$extent" = short ] || for run in dependency array cancelled; do check "$run was started again" started_again $run 2; done
for run in limit signal killed; do check "$run was started again" started_again $run 2; done
for run in limit signal; do check "$run lost no step" test "$(column $run lost_steps)" = 0; done
check 'the controller disturbed nothing' test "$(starts controller)" -eq 1
report_checks
