#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# usage: trainer_health_test.sh (started by ctest with ISOFLOP_BIN set; needs mpirun)
# What happens to a run: a rank that stands still is named and all end, a disk that fills, a shard that is cut, a second job and a
# killed rank cost at most what was done since the last checkpoint; the status file says each time what it was.
set -uo pipefail
trainer=$ISOFLOP_BIN/trainer
mpirun=(mpirun --oversubscribe --bind-to none)
export OMP_NUM_THREADS=1
export CUDA_VISIBLE_DEVICES=  # no GPU for CUDA programs, whatever the machine has
work=$(mktemp -d) || exit 1
cleanup() {
  mountpoint -q "$work/small" && umount "$work/small"
  rm -rf "$work"
}
trap cleanup EXIT
cd "$work" || exit 1
# shellcheck source=tests/support/checks.sh
source "$(dirname "${BASH_SOURCE[0]}")/../support/checks.sh" || exit 1

for i in $(seq 1 300); do echo "line $i: the square of $i is $((i * i))."; done >text.txt
"$ISOFLOP_BIN/tokenize" text.txt --tokenizer bytes --out data >/dev/null 2>&1 || { echo "tokenize failed"; exit 1; }
cat >train.yaml <<'YAML'
run: {name: run, log_interval: 1000}
model: {n_layer: 2, d_model: 32, n_head: 2, d_ff: 64, vocab_size: 257, max_seq_len: 16}
data: {path: data, seq_len: 16}
layout: {micro_batch_size: 2, global_batch_size: 8, strategy: fsdp}
optimizer: {lr: 1.0e-3}
schedule: {steps: 100000000, warmup_steps: 5}
eval: {sequences: 4}
checkpoint: {interval: 20}
health: {stall_min_s: 3, pause_limit_s: 6}
YAML

# within SECONDS COMMAND...: until COMMAND succeeds.
within() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.2
  done
}
# status NAME KEY: its value as JSON.
status() { sed -n "s/^  \"$2\": \(.*[^,]\),\{0,1\}$/\1/p" "runs/$1.status.json"; }
is() { echo "'$1', expected '$2'"; [ "$1" = "$2" ]; }
says() { tail -20 "$1"; grep -qE -- "$2" "$1"; }
pids() { pgrep -f "^$trainer train.yaml --set run.name=$1 "; }
gone() { ! pids "$1" >/dev/null; }
has_checkpoint() { compgen -G "runs/$1.checkpoints/step-*[0-9]" || compgen -G "small/$1/step-*[0-9]"; }
# start RANKS NAME OPTIONS...: in the background, up to its first checkpoint.
start() {
  local ranks=$1 name=$2
  shift 2
  "${mpirun[@]}" -n "$ranks" "$trainer" train.yaml --set run.name="$name" --set run.seed=7 "$@" >"$name.out" 2>&1 &
  started=$!
  check "$name: a run of $ranks ranks is under way" within 60 has_checkpoint "$name"
}
# rank_pid NAME RANK
rank_pid() {
  for pid in $(pids "$1"); do
    if tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | grep -qx "OMPI_COMM_WORLD_RANK=$2"; then echo "$pid"; fi
  done
}
# ended NAME CODE: the run started last ends with CODE, within a minute, and leaves no process.
ended() {
  within 60 gone "$1" || { kill -9 $(pids "$1"); cat "$1.out"; echo "did not end"; return 1; }
  wait "$started"
  is "$?" "$2" || { cat "$1.out"; return 1; }
}

check "a wrong key ends with 2" bash -c "'$trainer' train.yaml --set run.name=wrong --set optimizer.lr=0; [ \$? -eq 2 ]"
check "the status file says so" is "$(status wrong state) $(status wrong exit_code)" '"failed" 2'
check "with the line that was printed" says runs/wrong.status.json '"cause": "--set optimizer.lr: optimizer.lr is'

for rank in 2 0; do
  name=stopped$rank
  start 4 "$name"
  check "$name: the status file says that it runs" is "$(status "$name" state) $(status "$name" exit_code)" '"running" null'
  kill -STOP "$(rank_pid "$name" "$rank")"
  check "$name: all ranks end, with 9" ended "$name" 9
  check "$name: the rank is named" says "$name.out" "training stands still: rank $rank on [^ ]* gave no sign .*; the other 3 ranks wait in phase"
  check "$name: once" is "$(grep -c 'training stands still' "$name.out")" 1
  check "$name: the last checkpoint too" says "$name.out" "the last checkpoint is of step [0-9]* \(runs/$name.checkpoints/step-"
  check "$name: the status file says stalled" is "$(status "$name" state) $(status "$name" exit_code)" '"stalled" 9'
  check "$name: and whom to look at" says "runs/$name.status.json" "\"rank\": $rank,"
done
"$ISOFLOP_BIN/report" runs/stopped2.s000.h5 --table runs >report.out 2>&1
check "the run file says failed where rank 0 could write it" says report.out "PARTIAL \(failed\)"

for rank in 1 0; do
  name=killed$rank
  start 2 "$name"
  kill -9 "$(rank_pid "$name" "$rank")"
  check "$name: ends, with 137" ended "$name" 137
  check "$name: the rank is named" says "$name.out" "process rank $rank .* exited on signal 9"
  check "$name: the status file is of the time before" is "$(status "$name" state)" '"running"'
  last=$(basename "$(ls -d runs/"$name".checkpoints/step-*[0-9] | tail -1)")
  start 2 "$name"
  check "$name: goes on from the last checkpoint" within 20 says "$name.out" "goes on after step [0-9]* from runs/$name.checkpoints/$last"
  kill -TERM "$(rank_pid "$name" 0)"
  check "$name: and is stopped, with 85" ended "$name" 85
  check "$name: which the status file says" is "$(status "$name" state) $(status "$name" exit_code) $(status "$name" cause)" '"checkpointed" 85 "Terminated"'
done

# Files that anybody may make who may write beside the run.
mkdir -p runs && touch runs/switched.save
start 2 switched --set checkpoint.interval=0 --set checkpoint.interval_minutes=0
check "switched: its one checkpoint is that of the file, which is gone" test ! -e runs/switched.save
touch runs/switched.stop
check "switched: a file stops it, with 85" ended switched 85
check "switched: the status file names the file" is "$(status switched cause)" '"runs/switched.stop is there (remove it to go on)"'

start 2 owner
"$trainer" train.yaml --set run.name=owner >second.out 2>&1
check "a second job on the same run is refused, with 3" is $? 3
check "who has it is named" says second.out "owner.lock: process [0-9]* on .* is training this run"
check "the status file stays the first's" is "$(status owner state)" '"running"'
cut=$(ls data/train_*.bin)
cp -r data whole
truncate -s 1024 "$cut"
check "a shard that is cut ends the run, with 3" ended owner 3
check "the shard is named" says owner.out "error: $cut: cannot be read any more"
check "the status file says so" says runs/owner.status.json "\"cause\": \"$cut: cannot be read any more"
cp whole/* data/

# A disk of its own where one may be mounted, else a limit of the size of files: the same is expected of both.
mkdir small
if mount -t tmpfs -o size=4m none small 2>/dev/null; then
  fill() { head -c 4m /dev/zero >small/filler 2>/dev/null; true; }
  empty() { rm small/filler; }
else
  echo "     no tmpfs can be mounted: files are limited instead"
  fill() { prlimit --pid "$(rank_pid full 1)" --fsize=4096:unlimited; }
  empty() { prlimit --pid "$(rank_pid full 1)" --fsize=unlimited:unlimited; }
fi
start 2 full --set checkpoint.folder=small/full
kept() { ls -d small/full/step-*[0-9] 2>/dev/null | tail -1; }
check "a disk is filled up" fill
check "checkpoints fail with a clear warning, training goes on" within 40 says full.out "no checkpoint of step [0-9]*: .*(No space left on device|File too large).*; training goes on"
before=$(kept)
check "the one before is there" test -n "$before"
check "there is room again" empty
newer() { [ -n "$(kept)" ] && [ "$(kept)" != "$before" ]; }
check "checkpoints are written again" within 40 newer
kill -TERM "$(rank_pid full 0)"
check "full: is stopped, with 85" ended full 85

report_checks
