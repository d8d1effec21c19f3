#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# usage: trainer_memory_test.sh SOURCE BIN (started by ctest)
# What the trainer predicts, what its allocator hands out and what the process holds are one figure: predicted >= allocated,
# within 2 %, and resident memory less that at start-up within 5 % of what is allocated.
set -uo pipefail
source_dir=$1 bin=$2
. "$source_dir/tests/support/checks.sh"
export OMP_NUM_THREADS=2
export CUDA_VISIBLE_DEVICES=
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

head -c 400000 "$bin/trainer" | base64 >text.txt
"$bin/tokenize" text.txt --tokenizer bytes --out data >tokenize.log || exit 1

cat >train.yaml <<'YAML'
run: {name: memory, out: runs}
model: {preset: gpt2, n_layer: 8, d_model: 768, n_head: 12, vocab_size: 32000, max_seq_len: 512}
data: {path: data, seq_len: 512}
layout: {micro_batch_size: 4, global_batch_size: 4}
optimizer: {lr: 1e-4}
schedule: {steps: 2}
eval: {sequences: 4}
device: {kind: cpu}
checkpoint: {at_end: false}
YAML

# in_mib "1.93 GiB" -> MiB
in_mib() { awk '{ print $2 == "GiB" ? $1 * 1024 : $2 == "KiB" ? $1 / 1024 : $1 }' <<<"$1"; }

# memory_fits SETTING...: a run with these --set arguments keeps what it predicted.
memory_fits() {
  local settings=() line
  for setting in "$@"; do settings+=(--set "$setting"); done
  "$bin/trainer" train.yaml "${settings[@]}" 2>&1 | tee run.log
  line=$(grep -o 'memory: predicted.*' run.log) || return 1
  local predicted allocated peak start
  predicted=$(in_mib "$(sed -E 's/.*predicted ([0-9.]+ [A-Za-z]+),.*/\1/' <<<"$line")")
  allocated=$(in_mib "$(sed -E 's/.*allocated at most ([0-9.]+ [A-Za-z]+),.*/\1/' <<<"$line")")
  peak=$(in_mib "$(sed -E 's/.*process at most ([0-9.]+ [A-Za-z]+) .*/\1/' <<<"$line")")
  start=$(in_mib "$(sed -E 's/.*\(([0-9.]+ [A-Za-z]+) before.*/\1/' <<<"$line")")
  awk -v p="$predicted" -v a="$allocated" -v r="$peak" -v s="$start" 'BEGIN {
    held = r - s
    printf "predicted %.0f allocated %.0f resident %.0f MiB (%+.1f %%)\n", p, a, held, 100 * (held / a - 1)
    # 0.5 %: three digits of printed figures
    exit !(a > 500 && p >= 0.995 * a && p <= 1.02 * a && held >= 0.95 * a && held <= 1.05 * a)
  }'
}

# check_shown NAME COMMAND...: a check whose figures are worth reading when it passes, too.
check_shown() {
  check "$@"
  grep -h '^predicted' check.out
}

check_shown "fp32" memory_fits precision=fp32
check_shown "fp32, recomputation" memory_fits layout.recompute=full
check_shown "bf16" memory_fits precision=bf16
check_shown "bf16, recomputation by blocks" memory_fits precision=bf16 \
  "layout.recompute=[{blocks: 0-3, mode: full}, {blocks: 4-6, mode: selective, ops: [norms, activations]}]"
check_shown "bf16, manual attention" memory_fits precision=bf16 model.attention_backend=manual
check_shown "llama, post norm, dropout" memory_fits model.preset=llama model.norm_position=post model.dropout=0.1
report_checks
