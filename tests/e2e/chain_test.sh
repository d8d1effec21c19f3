#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The chain on a real Slurm: tokenize, plan, submit, train, report; and what the virtual H100 partition says of GPU jobs.
# usage: chain_test.sh SOURCE_DIR BIN_DIR
set -uo pipefail
source_dir=$1 bin=$2
testbed=$source_dir/slurm/testbed
work=$(mktemp -d /tmp/isoflop-e2e.XXXXXX)
export ISOFLOP_TESTBED_DIR=$work/slurm
# shellcheck source=tests/support/checks.sh
. "$source_dir/tests/support/checks.sh"

cleanup() {
  "$testbed/down" --purge >/dev/null 2>&1
  rm -rf "${work:?}"
}
trap cleanup EXIT

# Prints the first value of key $1 in a report in JSON on standard input.
report_value() { sed -nE "s/^ *\"$1\": \"?([^\",]*)\"?,?\$/\1/p" | head -n 1; }
less_than() { awk -v a="$1" -v b="$2" 'BEGIN { print a " < " b "?"; exit !(a != "" && b != "" && a < b) }'; }

tokenize_text() {
  gzip -dc </usr/share/dictd/gcide.dict.dz | head -c 2000000 >"$work/text.txt"
  "$bin/tokenize" "$work/text.txt" --tokenizer bytes --documents paragraph --out "$work/tokens"
}
plan_for_testbed() {
  "$bin/planner" "$source_dir/configs/clusters/testbed.yaml" --hours 0.02 --data "$work/tokens" --name chain --out "$work/plan"
}
pilot_runs() { (cd "$work" && timeout 200 sbatch --wait --time=5 --output="$work/pilot.log" "$work/plan/pilot.sbatch"); }
refine_says_what_is_missing() {
  "$bin/planner" refine "$work/plan" >"$work/refine.log" 2>&1
  [ $? -eq 3 ] && grep -q "submit $work/plan/pilot.sbatch" "$work/refine.log"
}
refine_plan() {
  "$bin/planner" refine "$work/plan" | tee "$work/refine.log"
  grep -q 'calibrated by a pilot of' "$work/refine.log"
}
refining_again_changes_nothing() {
  cp "$work/plan/plan.json" "$work/refined.json"
  "$bin/planner" refine "$work/plan" && cmp "$work/plan/plan.json" "$work/refined.json"
}
refine_leaves_a_begun_training_alone() {
  (cd "$work" && "$bin/planner" refine plan >refine.log 2>&1)
  [ $? -eq 3 ] && grep 'the training of this plan has begun' "$work/refine.log"
}
# The plan's own time limit is for the machine it was measured on; this one may be slower.
submit_and_wait() { (cd "$work" && timeout 200 sbatch --wait --time=5 --output="$work/job.log" "$work/plan/train.sbatch"); }
all_steps_recorded() {
  local planned recorded
  planned=$(sed -n 's/^  steps: //p' "$work/plan/plan.yaml")
  recorded=$("$bin/report" "$work"/runs/*.h5 --format json | report_value steps)
  echo "planned $planned, recorded $recorded"
  [ -n "$planned" ] && [ "$planned" = "$recorded" ]
}
state_is_done() { [ "$("$bin/report" "$work"/runs/*.h5 --format json | report_value state)" = 'done' ]; }
loss_beats_bigrams() {
  less_than "$("$bin/report" "$work"/runs/*.h5 --format json | report_value validation_loss)" \
    "$(sed -n 's/^ *bigram_nats_per_token: //p' "$work/tokens/dataset.yaml")"
}

plan_for_h100() { "$bin/planner" "$source_dir/configs/clusters/h100-16x8.yaml" --hours 72 --out "$work/h100"; }
accepts() { sbatch --test-only "$@"; }
refuses() { ! sbatch --test-only "$@"; }
# One node of two ranks is enough to see what every rank would say.
gpu_job_says_why_it_cannot_run() {
  timeout 100 sbatch --wait --nodes=1 --ntasks-per-node=2 --time=5 --chdir="$work" --output="$work/gpu.log" "$work/h100/train.sbatch"
  cat "$work/gpu.log"
  grep -q "trainer: error: node h100-.*device.kind is 'cuda'" "$work/gpu.log"
}

check 'tokenize makes shards of real text' tokenize_text
check 'the testbed starts' "$testbed/up"
eval "$("$testbed/up" --env)"
check 'the planner plans for the CPU partition' plan_for_testbed
check 'refine says that the pilot has not run' refine_says_what_is_missing
check 'the pilot runs to its end' pilot_runs
check 'refine plans by what it measured' refine_plan
check 'refining again changes nothing' refining_again_changes_nothing
check 'the job runs to its end' submit_and_wait
[ "$failures" -eq 0 ] || cat "$work/job.log"
check 'every planned step is in the run file' all_steps_recorded
check 'the run is done' state_is_done
check 'refine leaves a training that has begun alone' refine_leaves_a_begun_training_alone
check 'the model beats byte bigrams on held-out text' loss_beats_bigrams
check 'the planner plans for 128 H100' plan_for_h100
check 'the virtual H100 partition accepts the script' accepts "$work/h100/train.sbatch"
check 'it refuses 48 hours' refuses --time=48:00:00 "$work/h100/train.sbatch"
check 'it refuses 9 GPUs a node' refuses --gpus-per-node=9 "$work/h100/train.sbatch"
check 'a GPU job ends with the reason' gpu_job_says_why_it_cannot_run
report_checks
