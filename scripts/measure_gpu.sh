#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# On a node with GPUs, in a build folder of this checkout: runs the gpu tests, measures devices and links, trains some models for a few
# steps each on all GPUs of the node, and writes PERF-GPU.md. No network, no root. Inside of a Slurm job ranks are started by srun, else
# by mpirun.
# usage: scripts/measure_gpu.sh [--out FILE] [--steps N] [--rehearse]     --rehearse: two CPU ranks and a tiny model, no tests
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

out=PERF-GPU.md steps=40 rehearse=no
build=${ISOFLOP_BUILD:-build}
while [ $# -gt 0 ]; do
  case $1 in
    --out) out=${2:?} && shift ;;
    --steps) steps=${2:?} && shift ;;
    --rehearse) rehearse=yes ;;
    *) sed -n '/^# usage/s/^# //p' "$0" >&2; exit 2 ;;
  esac
  shift
done

die() {
  echo "measure_gpu.sh: $*" >&2
  exit 5
}

# model|strategy|tokens of a sequence|sequences of a rank and micro step|accumulation: from where a GPU is hard to keep busy to
# where it is easy.
readonly kRuns=(
  'gpt2-124m|ddp|1024|32|1'
  'gpt2-1558m|zero1|1024|16|1'
  'llama-1.36b|fsdp|2048|8|1'
  'llama-7b|fsdp|2048|4|1'
  'llama3-8b|fsdp|8192|1|1'
)

[ -x "$build/bin/trainer" ] || die "$build/bin/trainer is missing; build first (cmake --preset release && cmake --build --preset release)"
if [ $rehearse = yes ]; then
  n_ranks=2 device=cpu precision=fp32 runs=('quick|ddp|64|4|1') tests=()
else
  command -v nvidia-smi >/dev/null || die "no nvidia-smi; start it on a node with GPUs"
  n_ranks=$(nvidia-smi --list-gpus | wc -l)
  [ "$n_ranks" -gt 0 ] || die "nvidia-smi lists no GPU"
  device=cuda precision=bf16 runs=("${kRuns[@]}") tests=(-L '^gpu$')
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/isoflop-gpu.XXXXXX")
trap 'rm -rf "${work:?}"' EXIT
export ISOFLOP_GPU_DUMP=$work

# on_all_ranks COMMAND...
on_all_ranks() {
  if [ -n "${SLURM_JOB_ID:-}" ]; then
    srun --nodes=1 --ntasks="$n_ranks" --ntasks-per-node="$n_ranks" --mpi="${ISOFLOP_MPI:-pmix}" "$@"
  else
    OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 mpirun --oversubscribe --bind-to none -n "$n_ranks" "$@"
  fi
}

# Speed does not depend on the text: this checkout's own, again and again.
tokenize_text() {
  find src -name '*.[ch]pp' -exec cat {} + >"$work/text.txt"
  for _ in 1 2 3 4 5 6 7 8; do cat "$work/text.txt"; done >"$work/more.txt"
  "$build/bin/tokenize" "$work/more.txt" --tokenizer bytes --out "$work/tokens"
}

# write_config MODEL STRATEGY SEQ_LEN MICRO_BATCH ACCUMULATION: prints a training of so many steps.
write_config() {
  cat <<YAML
run: {name: $1-$2-$3, out: $work/runs}
model: $PWD/configs/models/$1.yaml
data: {path: $work/tokens, seq_len: $3, verify: false}
layout: {strategy: $2, micro_batch_size: $4, global_batch_size: $(($4 * $5 * n_ranks))}
precision: $precision
optimizer: {lr: 1e-4}
schedule: {steps: $steps, warmup_steps: 5}
eval: {sequences: $((n_ranks * $4))}
checkpoint: {interval_minutes: 0, at_end: false}
device: {kind: $device}
YAML
}

# train RUN: one line of kRuns. A model that does not fit is named in the file, and the others go on.
failed=()
train() {
  local model strategy seq_len micro_batch accumulation name
  IFS='|' read -r model strategy seq_len micro_batch accumulation <<<"$1"
  name=$model-$strategy-$seq_len
  write_config "$model" "$strategy" "$seq_len" "$micro_batch" "$accumulation" >"$work/$name.yaml"
  on_all_ranks "$build/bin/trainer" "$work/$name.yaml" 2>"$work/$name.log" && return
  failed+=("$name: $(grep -E 'error|rank ' "$work/$name.log" | tail -n 1)")
}

readonly kFence=\`\`\`
block() { printf '\n%s\n%s\n%s\n' "$kFence" "$1" "$kFence"; }

describe_machine() {
  if [ $rehearse = yes ]; then
    echo "A rehearsal on two CPU ranks: nothing here is of a GPU."
    return
  fi
  nvidia-smi --query-gpu=index,name,driver_version,memory.total,power.limit,clocks.max.sm --format=csv
  nvidia-smi topo -m
}

echo "measure_gpu.sh: $n_ranks ranks on $(hostname)"
tests_said='' tests_failed=0
if [ ${#tests[@]} -gt 0 ]; then
  tests_said=$(ctest --test-dir "$build" "${tests[@]}" -j 1 --output-on-failure 2>&1) || tests_failed=1
fi
rates=$(on_all_ranks "$build/bin/trainer" bench --rates)
tokenize_text >/dev/null
for run in "${runs[@]}"; do
  echo "measure_gpu.sh: ${run//|/ }"
  train "$run"
done

{
  echo "# Measured on GPUs"
  echo
  echo "Written by \`scripts/measure_gpu.sh\` on $(date -u +%F), $("$build/bin/trainer" --version), $n_ranks ranks on one node."
  block "$(describe_machine)"
  if [ -n "$tests_said" ]; then
    printf '\n## Tests with the label gpu\n'
    block "$(tail -n 40 <<<"$tests_said")"
  fi
  printf '\n## Devices and links\n\ntrainer bench --rates: rate NODE RANK TFLOP/s GB/s of each rank; all_reduce GB/s of a rank and direction.\n'
  block "$rates"
  printf '\n## Training\n\n%s steps of each model on all ranks, %s; medians leave the warm-up out.\n\n' "$steps" "$precision"
  if compgen -G "$work/runs/*.h5" >/dev/null; then
    "$build/bin/report" "$work"/runs/*.h5 --table runs --format md
  fi
  for line in "${failed[@]+"${failed[@]}"}"; do echo "- not run to the end: $line"; done
} >"$work/report.md"
mv "$work/report.md" "$out"
for json in "$work"/*.json; do
  [ -e "$json" ] || continue
  cp "$json" "$(dirname "$out")/"
  echo "measure_gpu.sh: what cuDNN says of the GPU: $(dirname "$out")/$(basename "$json")"
done
echo "measure_gpu.sh: wrote $out"
if [ "$tests_failed" -ne 0 ] || [ ${#failed[@]} -ne 0 ]; then die "not everything passed; see $out"; fi
