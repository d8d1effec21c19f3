#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Twenty runs at the same time on a real Slurm, of which a random one is killed, stopped by a signal or requeued every few seconds for ten
# minutes: each ends with every step and the loss of a run that nobody disturbs, and has lost no step twice.
# usage: recovery_kills_test.sh SOURCE_DIR BIN_DIR [RUNS] [SECONDS]
set -uo pipefail
source_dir=$1 bin=$2 n_runs=${3:-20} disturb_s=${4:-600}
# shellcheck source=tests/slurm/recovery.sh
. "$1/tests/slurm/recovery.sh"
RANDOM=17

runs=()
for ((i = 1; i <= n_runs; ++i)); do runs+=("many$i"); done

newest_checkpoint() { find "runs/$1.checkpoints" -maxdepth 1 -name 'step-*[0-9]' -printf '%f\n' 2>/dev/null | sort | tail -n 1; }
# Prints a random running run that has saved something new since its last start: others would be disturbed from the same step again.
victim() {
  local run
  squeue -h -t RUNNING -o %j | grep '^many' | shuf --random-source=<(yes $RANDOM) | while read -r run; do
    if [ -n "$(newest_checkpoint "$run")" ] && [ "$(newest_checkpoint "$run")" != "${disturbed_at[$run]:-}" ]; then
      echo "$run"
      break
    fi
  done
}
declare -A disturbed_at=()
disturb() {
  local run=$1 job pid
  job=$(job_of "$run")
  [ -n "$job" ] || return 0
  disturbed_at[$run]=$(newest_checkpoint "$run")
  case $((RANDOM % 3)) in
    0) pid=$(rank_pid "$job" 0) && kill -KILL "$pid" && echo "$SECONDS s: kill -KILL of $run after ${disturbed_at[$run]}" ;;
    1) scancel --signal=USR2 "$job" && echo "$SECONDS s: USR2 to $run after ${disturbed_at[$run]}" ;;
    2) scontrol requeue "$job" && echo "$SECONDS s: requeue of $run after ${disturbed_at[$run]}" ;;
  esac
  return 0
}
all_done() {
  local run
  for run in "${runs[@]}"; do is_done "$run" 2>/dev/null || return 1; done
}
disturb_for() {
  local end=$((SECONDS + $1)) run
  while [ $SECONDS -lt $end ] && ! all_done; do
    run=$(victim)
    [ -z "$run" ] || disturb "$run"
    sleep $((RANDOM % 4 + 2))
  done
}
# A step is lost twice where three starts recorded it.
lost_no_step_twice() {
  /usr/bin/python3 - "$@" <<'PY'
import collections, sys
import h5py
recorded = collections.Counter()
for path in sys.argv[1:]:
    with h5py.File(path, "r", libver="latest", swmr=True, locking=False) as run:
        recorded.update(set(run["/metrics/train"]["step"].tolist()))
worst = max(recorded.values())
print(f"{len(recorded)} steps, {sum(n > 1 for n in recorded.values())} recorded again, at most {worst} times")
sys.exit(worst > 2)
PY
}

plan_all() { for run in "${runs[@]}"; do plan "$run" requeue 1 || return; done; }
submit_all() { for run in "${runs[@]}"; do submit "$run" || return; done; }
check "$n_runs plans" plan_all
check 'the undisturbed run' undisturbed many1
check 'planner submits them' submit_all
disturb_for "$disturb_s" | tee disturbances.txt
check 'runs were disturbed' test "$(grep -c . disturbances.txt)" -ge "$n_runs"
for run in "${runs[@]}"; do
  check "$run ends" ends "$run" 900
  check "$run has every step and the loss of the undisturbed run" as_undisturbed "$run"
  check "$run lost no step twice" lost_no_step_twice runs/"$run".s*.h5
done
report_checks
