#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# usage: trainer_resume_test.sh KILLS (started by ctest with ISOFLOP_BIN set; needs mpirun)
# A run that is killed KILLS times (kill -9 of a random rank at a random moment), or that goes on with other numbers of ranks, ends as
# the run that nobody disturbed, with every step recorded.
set -uo pipefail
kills=$1
trainer=$ISOFLOP_BIN/trainer
mpirun=(mpirun --oversubscribe --bind-to none)
export OMP_NUM_THREADS=1
export CUDA_VISIBLE_DEVICES=  # no GPU for CUDA programs, whatever the machine has
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
# shellcheck source=tests/support/checks.sh
source "$(dirname "${BASH_SOURCE[0]}")/../support/checks.sh" || exit 1

# shellcheck source=tests/support/report_column.sh
source "$(dirname "${BASH_SOURCE[0]}")/../support/report_column.sh" || exit 1

# column NAME KEY: of a run.
column() { report_column "$2" runs/"$1".s*.h5; }
equal() { echo "'$1', expected '$2'"; [ "$1" = "$2" ]; }
# close_to A B: within 1e-4, what fp32 sums in another order may give.
close_to() { echo "$1, expected $2"; awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; exit !(a != "" && d * d < 1e-8) }'; }

for i in $(seq 1 300); do echo "line $i: the square of $i is $((i * i))."; done >text.txt
"$ISOFLOP_BIN/tokenize" text.txt --tokenizer bytes --out data >/dev/null 2>&1 || { echo "tokenize failed"; exit 1; }
cat >train.yaml <<'YAML'
run: {name: run, log_interval: 100000}
model: {n_layer: 2, d_model: 32, n_head: 2, d_ff: 64, vocab_size: 257, max_seq_len: 16, dropout: 0.1}
data: {path: data, seq_len: 16}
layout: {micro_batch_size: 2, global_batch_size: 8, strategy: fsdp}
optimizer: {lr: 1.0e-3}
schedule: {steps: 1500, warmup_steps: 5}
eval: {sequences: 4}
checkpoint: {interval: 25, asynchronous: true}
YAML
train() { "${mpirun[@]}" -n "$1" "$trainer" train.yaml --set run.name="$2" "${@:3}"; }

check "a run that nobody disturbs" train 2 whole
loss=$(column whole validation_loss)
check "has a loss" awk -v loss="$loss" 'BEGIN { print loss; exit !(loss > 0.1 && loss < 5.6) }'

# wait_gone NAME: until no process works on that run, at most 20 s.
wait_gone() {
  local deadline=$((SECONDS + 20))
  while pgrep -f "run.name=$1 " >/dev/null && [ $SECONDS -lt $deadline ]; do sleep 0.05; done
}

killed=0
for ((start = 0; killed < kills && start < 20 * kills; ++start)); do
  train 2 killed --set run.seed=1234 --set schedule.steps=1500 >output 2>&1 &
  job=$!
  sleep "$(awk -v seed="$RANDOM" 'BEGIN { srand(seed); print 0.3 + 1.5 * rand() }')"
  mapfile -t ranks < <(pgrep -f "^$trainer train.yaml --set run.name=killed ")
  if [ ${#ranks[@]} -gt 0 ] && kill -9 "${ranks[RANDOM % ${#ranks[@]}]}" 2>/dev/null; then killed=$((killed + 1)); fi
  wait $job
  wait_gone killed
  # a run that came to its end is begun again
  if grep -q "done: 1500 steps\|done before" output; then
    check "kill $killed: the loss of the whole run" equal "$(column killed validation_loss)" "$loss"
    check "kill $killed: no step is missing" equal "$(column killed steps)" 1500
    rm -rf runs/killed.*
  fi
done
check "$killed kills" test "$killed" -eq "$kills"
check "the killed run goes on to its end" train 2 killed --set run.seed=1234 --set schedule.steps=1500
check "the loss of the whole run" equal "$(column killed validation_loss)" "$loss"
check "no step is missing" equal "$(column killed steps)" 1500
check "a second start finds that it is done" bash -c "'$trainer' train.yaml --set run.name=killed 2>&1 | grep 'nothing is trained'"

# stop_at NAME RANKS OPTIONS...: USR2 once the run is under way; exit code 85 and a checkpoint.
stop_at() {
  train "$2" "$1" --set run.log_interval=1 "${@:3}" >output 2>&1 &
  local job=$! deadline=$((SECONDS + 30))
  until grep -q "step .*7/1500 " output || [ $SECONDS -ge $deadline ]; do sleep 0.05; done
  pkill -USR2 -f "^$trainer train.yaml --set run.name=$1 "
  wait $job
  local code=$?
  cat output
  [ $code -eq 85 ]
}
check "one rank is stopped" stop_at moved 1 --set layout.strategy=ddp --set 'layout.micro_batch_size=8'
check "four ranks go on and are stopped" stop_at moved 4
check "they say that rounding differs" grep "goes on after step .*the same but for rounding: that was written by .*ddp 1" output
check "two ranks go on under another strategy" train 2 moved --set layout.strategy=zero2
check "the loss of the whole run on 1, 4 and 2 ranks" close_to "$(column moved validation_loss)" "$loss"
check "no step is missing of it" equal "$(column moved steps)" 1500

report_checks
