#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# On a node with GPUs, in a build folder of this checkout: runs the gpu tests, measures devices and links, trains some models for a few
# steps each on all GPUs of the node. Writes PERF-GPU.md part by part as results come, and logs, run files and what cuDNN says of the GPU
# into the folder PERF-GPU-files. What fails is named there with its reason, the rest goes on, and the exit code is 5 at the end. No
# network, no root. Inside of a Slurm job ranks are started by srun, elsewhere, and where srun cannot start them, by mpirun.
# usage: scripts/measure_gpu.sh [--out FILE] [--steps N] [--rehearse]     --rehearse: two CPU ranks and a tiny model, no tests
# usage: ISOFLOP_RUN_LIMIT=SECONDS for the rates and for each training (1200), ISOFLOP_BUILD=FOLDER of the build (build)
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 3

out=PERF-GPU.md steps=40 rehearse=no
build=${ISOFLOP_BUILD:-build}
run_limit=${ISOFLOP_RUN_LIMIT:-1200}
readonly kTestsLimit=7200 kStartLimit=120
while [ $# -gt 0 ]; do
  case $1 in
    --out) out=${2:?} && shift ;;
    --steps) steps=${2:?} && shift ;;
    --rehearse) rehearse=yes ;;
    *) sed -n '/^# usage/s/^# //p' "$0" >&2; exit 2 ;;
  esac
  shift
done

say() { echo "measure_gpu.sh: $*" >&2; }
die() { say "$*"; exit 5; }

# model|strategy|tokens of a sequence|sequences of a rank and micro step|accumulation: from where a GPU is hard to keep busy to
# where it is easy.
readonly kRuns=(
  'gpt2-124m|ddp|1024|32|1'
  'gpt2-1558m|zero1|1024|16|1'
  'llama-1.36b|fsdp|2048|8|1'
  'llama-7b|fsdp|2048|4|1'
  'llama3-8b|fsdp|8192|1|1'
)

# Those that this job may use, where the node has more.
count_gpus() {
  if [ -n "${CUDA_VISIBLE_DEVICES:-}" ]; then tr ',' '\n' <<<"$CUDA_VISIBLE_DEVICES" | grep -c .
  else nvidia-smi --list-gpus | grep -c '^GPU '; fi
}

[ -x "$build/bin/trainer" ] || die "$build/bin/trainer is missing; build first (cmake --preset release && cmake --build --preset release)"
if [ $rehearse = yes ]; then
  n_ranks=2 device=cpu precision=fp32 runs=('quick|ddp|64|4|1')
else
  command -v nvidia-smi >/dev/null || die "no nvidia-smi; start it on a node with GPUs (within salloc: srun --pty scripts/measure_gpu.sh)"
  n_ranks=$(count_gpus)
  [ "$n_ranks" -gt 0 ] || die "nvidia-smi lists no GPU"
  device=cuda precision=bf16 runs=("${kRuns[@]}")
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/isoflop-gpu.XXXXXX") || die "no folder for scratch files; set TMPDIR"
trap 'rm -rf "${work:?}"' EXIT
files=$(realpath -m "${out%.md}-files")

# limited SECONDS COMMAND...: its exit code. An interrupt of this script ends it too.
child=
limited() {
  timeout --kill-after=30 "$@" </dev/null &
  child=$!
  wait $child
}
trap '[ -z "$child" ] || kill -TERM "$child" 2>/dev/null; exit 130' INT TERM

# reason LOG EXIT_CODE SECONDS LIMIT: why a command failed that wrote LOG. What srun says of its steps says less than the step itself.
reason() {
  local line
  [ "$3" -lt "$4" ] || { echo "ran past its limit of $4 s"; return; }
  line=$(grep -i 'error' "$1" | grep -v '^srun: \|^slurmstepd: ' | tail -n 1)
  [ -n "$line" ] || line=$(grep -i 'error' "$1" | tail -n 1)
  echo "${line:-no message, exit code $2}"
}

# Speed does not depend on the text: this checkout's own, again and again.
tokenize_text() {
  find src -name '*.[ch]pp' -exec cat {} + >"$work/text.txt"
  for _ in 1 2 3 4 5 6 7 8; do cat "$work/text.txt"; done >"$work/more.txt"
  "$build/bin/tokenize" "$work/more.txt" --tokenizer bytes --out "$work/tokens"
}

# write_config MODEL STRATEGY SEQ_LEN MICRO_BATCH ACCUMULATION OUT: prints a training of so many steps.
write_config() {
  cat <<YAML
run: {name: $1-$2-$3, out: "$6"}
model: "$PWD/configs/models/$1.yaml"
data: {path: "$work/tokens", seq_len: $3, verify: false}
layout: {strategy: $2, micro_batch_size: $4, global_batch_size: $(($4 * $5 * n_ranks)), n_ranks: $n_ranks}
precision: $precision
optimizer: {lr: 1e-4}
schedule: {steps: $steps, warmup_steps: 5}
eval: {sequences: $((n_ranks * $4))}
checkpoint: {interval_minutes: 0, at_end: false}
device: {kind: $device}
YAML
}

# srun's options by its variables, which versions that do not know them ignore: a step beside the one that this script may run in, more
# ranks than the job has tasks, all processors of the job for each rank.
export SLURM_OVERLAP=1 SLURM_OVERCOMMIT=1 SLURM_CPU_BIND=none
# set_launcher NAME: what starts a command on all ranks; fails where there is none of that name.
set_launcher() {
  case $1 in
    srun)
      [ -n "${SLURM_JOB_ID:-}" ] || return 1
      launcher=(srun --nodes=1 --ntasks="$n_ranks" --ntasks-per-node="$n_ranks" --mpi="${ISOFLOP_MPI:-pmix}")
      ;;
    mpirun)
      export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
      launcher=(mpirun --oversubscribe --bind-to none -n "$n_ranks")
      ;;
  esac
  command -v "$1" >/dev/null
}

# The first launcher by which all ranks find each other and their devices.
choose_launcher() {
  local name code start why=
  write_config quick ddp 64 4 1 "$work/runs" >"$work/start.yaml"
  for name in srun mpirun; do
    set_launcher $name || continue
    start=$SECONDS
    limited $kStartLimit "${launcher[@]}" "$build/bin/trainer" "$work/start.yaml" --check --set schedule.steps=10 >"$work/start.log" 2>&1
    code=$?
    [ $code -ne 0 ] || return 0
    why+=" by $name: $(reason "$work/start.log" $code $((SECONDS - start)) $kStartLimit);"
  done
  die "$n_ranks ranks do not start here:${why:- neither srun nor mpirun is in PATH;} under Slurm ask for" \
    "salloc --nodes=1 --ntasks-per-node=$n_ranks --gpus-per-node=$n_ranks --exclusive --time=03:00:00 (or the same of sbatch)"
}

tell() { printf '%s\n' "$@" >>"$out"; }
block() { tell '' '```' "$1" '```'; }
failures=0
# fail WHAT WHY
fail() {
  failures=$((failures + 1))
  tell '' "- FAILED: $1: $2"
  say "failed: $1: $2"
}

# try NAME COMMAND...: prints into the folder's NAME.txt and NAME.log; a failure is told with its reason and the end of the log.
try() {
  local name=$1 code start=$SECONDS
  limited "$run_limit" "${@:2}" >"$files/$name.txt" 2>"$files/$name.log"
  code=$?
  [ $code -ne 0 ] || return 0
  fail "$name" "$(reason "$files/$name.log" $code $((SECONDS - start)) "$run_limit")"
  block "$(tail -n 20 "$files/$name.log")"
  return $code
}

describe_machine() {
  if [ $rehearse = yes ]; then
    echo "A rehearsal on two CPU ranks: nothing here is of a GPU."
    return
  fi
  nvidia-smi --query-gpu=index,name,driver_version,memory.total,power.limit,clocks.max.sm --format=csv
  nvidia-smi topo -m
}

# ranks_of TEST: how many GPUs it takes.
ranks_of() {
  case $1 in
    *_np*) echo "${1##*_np}" ;;
    gpu_parallel_training) echo 2 ;;
    *) echo 1 ;;
  esac
}

# judge_tests CTEST_OUTPUT: every test that did not pass, with what it said. Skipped is a failure where there are GPUs enough for it.
judge_tests() {
  local number name state said
  sed -nE 's/^ *[0-9]+\/[0-9]+ Test +#([0-9]+): ([^ ]+) \.*\*+(.*[^ ]) +[0-9.]+ sec.*/\1 \2 \3/p' "$1" >"$work/not_passed"
  while read -r number name state; do
    said=$(sed -n "s/^$number: //p" "$1" | grep -vE '^\[ +(RUN|OK) +\]|^ok  ')
    if [ "$state" != Skipped ]; then
      fail "$name" "$state"
      block "$(tail -n 60 <<<"$said")"
      continue
    fi
    said=$(grep -m 1 '^skipped: ' <<<"$said")
    if [ "$(ranks_of "$name")" -le "$n_ranks" ]; then fail "$name" "${said:-skipped without a reason}"
    else tell '' "- not run: $name: $said"; fi
  done <"$work/not_passed"
  said=$(sed -n '/: Skipped$/{n;s/^[0-9]*: /- /p}' "$1" | sort -u)
  [ -z "$said" ] || tell '' 'Checks left out by tests that passed:' '' "$said"
}

run_tests() {
  local code start=$SECONDS log=$files/tests.txt
  tell '' '## Tests with the label gpu'
  if ! ctest --test-dir "$build" -N -L '^gpu$' 2>/dev/null | grep '^ *Test *#' >"$work/tests"; then
    fail tests "$build has none: built with ISOFLOP_TESTS=OFF or without a CUDA toolkit, or there is no ctest here"
    return
  fi
  limited $kTestsLimit ctest --test-dir "$build" -L '^gpu$' -V -j 1 --no-tests=error >"$log" 2>&1
  code=$?
  block "$(grep -E '^ *[0-9]+/[0-9]+ Test +#' "$log")"
  judge_tests "$log"
  if [ $code -ne 0 ] && ! grep -qv 'Skipped$' "$work/not_passed"; then
    fail tests "$(reason "$log" $code $((SECONDS - start)) $kTestsLimit)"
  fi
}

measure_rates() {
  tell '' '## Devices and links' '' \
    'trainer bench --rates: rate NODE RANK TFLOP/s GB/s of each rank; collectives of 1 GiB (CPUs: 16 MiB), GB/s of a rank and direction.'
  if try rates "${launcher[@]}" "$build/bin/trainer" bench --rates; then block "$(cat "$files/rates.txt")"; fi
}

# train RUN: one line of kRuns.
train() {
  local model strategy seq_len micro_batch accumulation name table
  IFS='|' read -r model strategy seq_len micro_batch accumulation <<<"$1"
  name=$model-$strategy-$seq_len
  say "$name"
  tell '' "### $name"
  write_config "$model" "$strategy" "$seq_len" "$micro_batch" "$accumulation" "$files/runs" >"$files/$name.yaml"
  try "$name" "${launcher[@]}" "$build/bin/trainer" "$files/$name.yaml"
  compgen -G "$files/runs/$name.s*.h5" >/dev/null || return
  table=$("$build/bin/report" "$files/runs/$name".s*.h5 --table runs --format md 2>"$work/report.log") ||
    fail "report of $name" "$(reason "$work/report.log" $? 0 1)"
  grep -q '^- N: ' "$out" || tell '' "$(grep '^- ' <<<"$table")"
  tell '' "$(grep '^|' <<<"$table")"
}

say "$n_ranks ranks on $(hostname)"
tokenize_text >"$work/tokenize.log" 2>&1 || die "no tokens to train on: $(reason "$work/tokenize.log" $? 0 1)"
choose_launcher
# What an earlier measurement left is kept.
for old in "$out" "$files"; do [ ! -e "$old" ] || mv -T --backup=numbered "$old" "$old.before"; done
{ mkdir -p "$files" && : >"$out"; } || die "$out cannot be written"
export ISOFLOP_GPU_DUMP=$files

tell '# Measured on GPUs' '' \
  "Written by \`scripts/measure_gpu.sh\` on $(date -u +%F), $("$build/bin/trainer" --version), $n_ranks ranks on one node, by ${launcher[0]}."
block "$(describe_machine 2>&1)"
[ $rehearse = yes ] || run_tests
measure_rates
tell '' '## Training' '' "$steps steps of each model on all ranks, $precision; medians leave the warm-up out."
for run in "${runs[@]}"; do train "$run"; done
say "wrote $out and $files"
[ $failures -eq 0 ] || die "failures: $failures; see $out"
