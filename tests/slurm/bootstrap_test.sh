#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The trainer as steps of a real Slurm that tells nothing to MPI: ranks find each other by TCP or by a file.
# And scripts/measure_gpu.sh, whose ranks must start as a step within a step of one task.
# usage: bootstrap_test.sh SOURCE_DIR BIN_DIR
set -uo pipefail
source_dir=$1 testbed=$1/slurm/testbed bin=$2
work=$(mktemp -d /tmp/isoflop-bs.XXXXXX)
export ISOFLOP_TESTBED_DIR=$work/a
# shellcheck source=tests/support/checks.sh
. "$1/tests/support/checks.sh"

cleanup() {
  "$testbed/down" --purge 2>/dev/null
  rm -rf "${work:?}"
}
trap cleanup EXIT

write_training() {
  local i
  for i in {1..300}; do echo "line $i: the square of $i is $((i * i))."; done >"$work/text.txt"
  "$bin/tokenize" "$work/text.txt" --tokenizer bytes --out "$work/data" >/dev/null 2>&1 || return 1
  cat >"$work/train.yaml" <<YAML
run: {name: run, out: $work/runs, log_interval: 10}
model: {n_layer: 1, d_model: 16, n_head: 2, d_ff: 32, vocab_size: 257, max_seq_len: 16}
data: {path: $work/data, seq_len: 16}
layout: {micro_batch_size: 2, global_batch_size: 8, strategy: fsdp}
optimizer: {lr: 1.0e-3}
schedule: {steps: 20, warmup_steps: 5}
eval: {sequences: 4}
device: {kind: cpu}
checkpoint: {at_end: false}
YAML
}

# step CODE TEXT NODES TASKS ARGUMENT...: a Slurm step of the trainer without PMI ends with CODE and prints TEXT.
step() {
  local code=$1 text=$2 nodes=$3 tasks=$4 got
  shift 4
  OMP_NUM_THREADS=1 timeout 120 srun --mpi=none --partition=cpu --nodes="$nodes" --ntasks="$tasks" --overcommit \
    --kill-on-bad-exit=0 "$bin/trainer" "$work/train.yaml" "$@" >"$work/step.out" 2>&1
  got=$?
  cat "$work/step.out"
  [ "$got" -eq "$code" ] && grep -qF -- "$text" "$work/step.out"
}

# last_loss: the validation loss that the last step printed.
last_loss() { sed -n 's/.*validation loss \([0-9.]*\).*/\1/p' "$work/step.out"; }

# trains NODES TASKS ARGUMENT...: all steps done, with the losses of one rank.
trains() {
  local nodes=$1 tasks=$2
  shift 2
  step 0 "done: 20 steps" "$nodes" "$tasks" "$@" && grep -qF "fsdp $tasks x" "$work/step.out" && [ "$(last_loss)" = "$alone" ]
}

leaves_no_meeting_file() { local left; left=$(find "$work/runs" -name '.bootstrap*'); echo "$left"; [ -z "$left" ]; }

# One rank kills itself: the whole step ends by the trainer's own doing, since srun is told not to.
killed_rank_ends_the_step() {
  cat >"$work/rank.sh" <<SCRIPT
#!/bin/bash
[ "\$SLURM_PROCID" -ne 1 ] || (until [ -e "$work/runs/killed.s000.h5" ]; do sleep 0.2; done; kill -9 \$\$) &
exec "$bin/trainer" "$work/train.yaml" --bootstrap file --set run.name=killed --set schedule.steps=100000000 --set run.log_interval=1000000
SCRIPT
  chmod +x "$work/rank.sh"
  OMP_NUM_THREADS=1 timeout 60 srun --mpi=none --partition=cpu --nodes=2 --ntasks=2 --overcommit --kill-on-bad-exit=0 \
    "$work/rank.sh" >"$work/step.out" 2>&1
  local got=$?
  cat "$work/step.out"
  [ $got -ne 124 ] && grep -qF "error: rank 1 on cpu2 is gone" "$work/step.out"
}

# As typed into `srun --pty bash` of one task.
measurement_starts_its_own_ranks() {
  ISOFLOP_BUILD=$(dirname "$bin") OMP_NUM_THREADS=1 timeout 100 srun --partition=cpu --nodes=1 --ntasks=1 \
    "$source_dir/scripts/measure_gpu.sh" --rehearse --steps 12 --out "$work/perf.md"
  local got=$?
  cat "$work/perf.md"
  [ $got -eq 0 ] && grep -q '2 ranks on one node, by srun\.' "$work/perf.md"
}

write_training || exit 1
check "the testbed starts" "$testbed/up"
# shellcheck disable=SC2154
[ "$failures" -eq 0 ] || exit 1
# shellcheck disable=SC1091
. "$work/a/env.sh"
check "one rank alone trains" step 0 "done: 20 steps" 1 1
alone=$(last_loss)
# The testbed's nodes have no names that can be looked up; the port comes from job and step.
export MASTER_ADDR=127.0.0.1
check "tcp: 2 ranks on 2 nodes" trains 2 2 --bootstrap tcp
check "tcp: 4 ranks on 2 nodes" trains 2 4 --bootstrap tcp
unset MASTER_ADDR
check "file: 2 ranks on 2 nodes" trains 2 2 --bootstrap file
check "file: 4 ranks on 1 node" trains 1 4 --bootstrap file
check "the file is gone after the meeting" leaves_no_meeting_file
check "without --bootstrap: what to do is said" step 3 "--bootstrap tcp" 1 2
check "--bootstrap mpi: what to do is said" step 3 "srun --mpi=pmix -n 2" 1 2 --bootstrap mpi
check "a wrong layout is refused on all ranks" step 2 "this run has 2 ranks" 1 2 --bootstrap file --set layout.n_ranks=4
check "a diverged run ends with 7" step 7 "training diverged" 2 2 --bootstrap file --set optimizer.lr=1e30 --set schedule.steps=100
check "a killed rank ends the step and is named" killed_rank_ends_the_step
check "measure_gpu.sh starts two ranks within a step of one" measurement_starts_its_own_ranks

report_checks
