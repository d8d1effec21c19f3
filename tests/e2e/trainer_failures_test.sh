#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# usage: trainer_failures_test.sh (started by ctest with ISOFLOP_BIN set; needs mpirun)
# Each way a training run can fail has its documented exit code, one clear line, and loses no recorded step.
set -uo pipefail
trainer=$ISOFLOP_BIN/trainer
mpirun=(mpirun --oversubscribe --bind-to none)
export OMP_NUM_THREADS=1
export CUDA_VISIBLE_DEVICES=  # no GPU for CUDA programs, whatever the machine has
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
# shellcheck source=tests/support/report_column.sh
source "$(dirname "${BASH_SOURCE[0]}")/../support/report_column.sh" || exit 1

fail() {
  echo "FAILED: $*"
  sed 's/^/    /' output
  failures=$((failures + 1))
}

# expect CODE TEXT COMMAND...: COMMAND exits with CODE and exactly one line of what it prints holds TEXT.
expect() {
  local code=$1 text=$2
  shift 2
  timeout 60 "$@" >output 2>&1
  local got=$?
  [ "$got" -eq "$code" ] || fail "exit code $got, expected $code: $*"
  local lines
  lines=$(grep -cF -- "$text" output)
  [ "$lines" -eq 1 ] || fail "$lines lines hold '$text', expected one: $*"
}

# rows FILE, state FILE: steps and state as report has them; 0 rows where there is no readable run.
rows() { local n; n=$(report_column steps "$1"); echo "${n:-0}"; }
state() { report_column state "$1"; }

# Until COMMAND succeeds, at most 30 s.
wait_until() {
  local deadline=$((SECONDS + 30))
  until "$@"; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.2
  done
}

for i in $(seq 1 300); do echo "line $i: the square of $i is $((i * i))."; done >text.txt
"$ISOFLOP_BIN/tokenize" text.txt --tokenizer bytes --out data >/dev/null 2>&1 || { echo "tokenize failed"; exit 1; }
cat >train.yaml <<'YAML'
run: {name: run, log_interval: 100000}
model: {n_layer: 1, d_model: 16, n_head: 2, d_ff: 32, vocab_size: 257, max_seq_len: 16}
data: {path: data, seq_len: 16}
layout: {micro_batch_size: 2, global_batch_size: 4}
optimizer: {lr: 1.0e-3}
schedule: {steps: 50, warmup_steps: 5}
eval: {sequences: 4}
YAML
run=("$trainer" train.yaml)

echo "== configuration"
sed 's/lr: 1.0e-3/lr: 1.0e-3, weight_decai: 0/' train.yaml >wrong.yaml
expect 2 "wrong.yaml:5: unknown key 'weight_decai'" "$trainer" wrong.yaml
grep -qF "did you mean 'weight_decay'" output || fail "no suggestion"
expect 2 "wrong.yaml:5: unknown key 'weight_decai'" "${mpirun[@]}" -n 2 "$trainer" wrong.yaml
expect 3 "missing.yaml" "$trainer" missing.yaml
expect 2 "schedule.steps is '0'" "${run[@]}" --set schedule.steps=0
expect 2 "data.seq_len is '0'" "${run[@]}" --set data.seq_len=0
expect 2 "(needs key=value)" "${run[@]}" --set schedule.steps
expect 2 "2^63 tokens" "${run[@]}" --set schedule.steps=2147483647 --set layout.global_batch_size=2147483646
expect 2 "micro steps" "${run[@]}" --set layout.global_batch_size=2000000000
expect 2 "layout.n_ranks is '3' (this run has 2 ranks)" "${mpirun[@]}" -n 2 "${run[@]}" --set layout.n_ranks=3 \
  --set layout.global_batch_size=6
expect 2 "must be a multiple of 2 ranks" "${mpirun[@]}" -n 2 "${run[@]}" --set layout.global_batch_size=6
expect 2 "OMP_NUM_THREADS is 'many'" env OMP_NUM_THREADS=many "${run[@]}"

echo "== data"
expect 3 "nowhere: holds no dataset" "${run[@]}" --set data.path=nowhere
expect 3 "nowhere: holds no dataset" "${mpirun[@]}" -n 2 "${run[@]}" --set data.path=nowhere
cp -r data torn && truncate -s 5000 torn/train_000000.bin
expect 3 "torn/train_000000.bin: has 5000 bytes" "${run[@]}" --set data.path=torn
cp -r data foreign && printf garbage | dd of=foreign/train_000000.bin conv=notrunc status=none
expect 3 "foreign/train_000000.bin: is not a token shard" "${run[@]}" --set data.path=foreign

echo "== device and memory"
expect 5 "set device.kind: cpu" "${run[@]}" --set device.kind=cuda
expect 5 "set device.kind: cpu" "${mpirun[@]}" -n 4 "${run[@]}" --set device.kind=cuda
grep -q "error: node [^ ]*: device.kind is 'cuda'" output || fail "the node is not named"
expect 5 "set device.kind: cpu" "${run[@]}" --device cuda
expect 2 "device.kind is 'tpu' (must be one of auto, cpu, cuda)" "${run[@]}" --device tpu
expect 2 "precision is 'tf32' (on the CPU" "${run[@]}" --device cpu --set precision=tf32
expect 2 "precision is 'tf32' (on the CPU" "${mpirun[@]}" -n 2 "${run[@]}" --device auto --set precision=tf32
expect 0 "training on the CPU" "${mpirun[@]}" -n 2 "${run[@]}" --set schedule.steps=6 --set run.name=auto
expect 8 "out of memory:" "${run[@]}" --set layout.micro_batch_size=100000000 --set layout.global_batch_size=100000000
grep -q "error: rank 0 on [^:]*: out of memory: .* for [a-z]* with .* free of .*; set layout.micro_batch_size" output ||
  fail "no rank, category or remedy"
# One of two ranks may hold less than the 2 GiB that the run takes: both end, and it is named.
large=("${run[@]}" --set layout.micro_batch_size=100000 --set layout.global_batch_size=200000)
expect 8 "error: rank 1 on" "${mpirun[@]}" -n 1 "${large[@]}" : -n 1 prlimit --as=2000000000 "${large[@]}"
grep -q "error: rank 1 on [^:]*: out of memory: .* for [a-z]* with" output || fail "no category"

echo "== divergence"
expect 7 "training diverged" "${run[@]}" --set optimizer.lr=1e9 --set run.name=diverged
expect 7 "training diverged" "${run[@]}" --set optimizer.lr=1e30 --set schedule.steps=8 --set run.name=short
[ "$(state runs/diverged.s000.h5)" = "PARTIAL (nan)" ] || fail "a diverged run is $(state runs/diverged.s000.h5)"

echo "== run files"
expect 3 "text.txt: cannot create the folder of run files" "${run[@]}" --set run.out=text.txt
expect 3 "cannot create the run file" bash -c 'ulimit -f 4; exec "$@" --set run.name=nospace' bash "${run[@]}"
[ ! -s runs/nospace.s000.h5 ] || fail "half a run file is left behind"
expect 0 "done: 50 steps" "${run[@]}" --set run.name=good
[ "$(rows runs/good.s000.h5)" = 50 ] || fail "good run: $(rows runs/good.s000.h5) rows"

# start NAME: a run of that name in the background ($started) that has recorded rows.
has_rows() { [ "$(rows "$1")" -gt 0 ]; }
start() {
  "${run[@]}" --set run.name="$1" --set schedule.steps=100000000 >output 2>&1 &
  started=$!
  wait_until has_rows "runs/$1.s000.h5" || fail "no row appeared while running"
}

echo "== disk full in the middle"
start full
before=$(rows runs/full.s000.h5)
prlimit --pid $started --fsize="$(stat -c %s runs/full.s000.h5)"
kill -TERM $started
wait $started
code=$?
[ $code -eq 3 ] || fail "exit code $code, expected 3"
grep -q "trainer: error: runs/full.s000.h5: cannot record .* free space" output || fail "no clear message"
after=$(rows runs/full.s000.h5)
[ "$after" -ge "$before" ] || fail "$before rows before the disk was full, $after after"
[ "$(state runs/full.s000.h5)" = "PARTIAL (running)" ] || fail "the run is $(state runs/full.s000.h5)"

echo "== kill -9 in the middle"
start killed
before=$(rows runs/killed.s000.h5)
kill -9 $started
wait $started 2>/dev/null
code=$?
[ $code -eq 137 ] || fail "exit code $code, expected 137"
after=$(rows runs/killed.s000.h5)
[ "$after" -ge "$before" ] || fail "$before rows before kill -9, $after after"
[ "$(state runs/killed.s000.h5)" = "PARTIAL (running)" ] || fail "a killed run is $(state runs/killed.s000.h5)"

echo "== signals"
for signal in TERM USR2; do
  rm -f output  # the shell empties it after this process goes on: it would hold the run before
  "${run[@]}" --set run.name="$signal" --set schedule.steps=100000000 >output 2>&1 &
  stopped=$!
  wait_until grep -q "step 1/" output || fail "no step"
  kill -$signal $stopped
  wait $stopped
  code=$?
  [ $code -eq 85 ] || fail "exit code $code after SIG$signal, expected 85"
  last=$(sed -n 's/.*stopped after step \([0-9]*\).*/\1/p' output)
  [ "$(rows runs/$signal.s000.h5)" = "$last" ] || fail "SIG$signal: stopped after step $last, $(rows runs/$signal.s000.h5) rows"
done

[ $failures -eq 0 ] || { echo "$failures failures"; exit 1; }
echo "all passed"
