#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What checkpoints cost: the same training of two ranks with one every minute and with none, in turn. Prints steps per minute of
# each run, what each checkpoint took, and the ratio of the medians; fails below 95 %.
# usage: checkpoint_benchmark.sh BIN_DIR [RUNS [MINUTES]]     RUNS: of each kind [2]; MINUTES: of each run, about [2.2]
set -euo pipefail
# shellcheck source=tests/support/report_column.sh
source "$(dirname "${BASH_SOURCE[0]}")/../support/report_column.sh"
bin=$(realpath "$1") runs=${2:-2} minutes=${3:-2.2}
work=$(mktemp -d /tmp/isoflop-checkpoint.XXXXXX)
trap 'rm -rf "${work:?}"' EXIT
cd "$work"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

median() { sort -g | awk '{ v[NR] = $1 } END { print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

# train NAME STEPS KEY=VALUE...
train() {
  local set=()
  for value in run.name="$1" schedule.steps="$2" "${@:3}"; do set+=(--set "$value"); done
  mpirun -n 2 "$bin/trainer" bench.yaml "${set[@]}" >"$1.log" 2>&1 || { tail -n 5 "$1.log" >&2; exit 1; }
}
column() { ISOFLOP_BIN=$bin report_column "$2" "runs/$1.s000.h5"; }
steps_per_minute() { awk -v n="$(column "$1" steps)" -v s="$(column "$1" wall_s)" 'BEGIN { print 60 * n / s }'; }

for i in $(seq 1 20000); do echo "line $i: the square of $i is $((i * i))."; done >text.txt
"$bin/tokenize" text.txt --tokenizer bytes --out data >/dev/null 2>&1
cat >bench.yaml <<'YAML'
run: {log_interval: 100000}
model: {n_layer: 8, d_model: 512, n_head: 8, d_ff: 2048, vocab_size: 257, max_seq_len: 128}
data: {path: data, seq_len: 128}
layout: {micro_batch_size: 2, global_batch_size: 4, strategy: fsdp}
optimizer: {lr: 1.0e-3}
schedule: {steps: 20, warmup_steps: 5}
eval: {sequences: 4}
checkpoint: {interval_minutes: 0, at_end: false}
YAML

train probe 20
steps=$(awk -v s="$(column probe step_s)" -v m="$minutes" 'BEGIN { printf "%d", 60 * m / s }')
for ((run = 1; run <= runs; ++run)); do
  train "none-$run" "$steps"
  train "minute-$run" "$steps" checkpoint.interval_minutes=1 checkpoint.asynchronous=true
  for kind in none minute; do steps_per_minute "$kind-$run" >>"$kind.txt"; done
  echo "steps per minute: none $(tail -n 1 none.txt), every minute $(tail -n 1 minute.txt)"
  grep -o 'checkpoint of step.*' "minute-$run.log"
done
awk -v a="$(median <minute.txt)" -v b="$(median <none.txt)" \
  'BEGIN { printf "throughput with a checkpoint every minute: %.1f %% of that without\n", 100 * a / b; exit a < 0.95 * b }'
