#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The whole chain on this machine: a real Slurm, 40 MB of English, plan, pilot, refine, train, report. About four minutes after set-up.
# usage: scripts/demo.sh [--sweep] [--hours H] [--keep]     --sweep: twelve runs that measure a scaling law, and the next plan by it; --hours: the planner's budget (default 0.035); --keep: leave the Slurm running
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly kText=/usr/share/dictd/gcide.dict.dz   # Debian's dict-gcide: the GNU Collaborative International Dictionary of English
readonly kData=data/gcide kDevice=.testbed/device.yaml kPlan=plans/demo kSweep=sweeps/demo
hours=0.035 keep=no sweep=no

usage() { sed -n 's/^# \(usage: .*\)/\1/p' "$0"; }
step() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
die() { printf 'demo: %s\n' "$*" >&2; exit 1; }
usage_error() { printf 'demo: %s; %s\n' "$*" "$(usage)" >&2; exit 2; }
# Shows the command, then runs it.
run() { printf '$ %s\n' "$*"; "$@"; }

while [ $# -gt 0 ]; do
  case $1 in
    --hours) [ $# -ge 2 ] || usage_error "--hours needs a number"; hours=$2; shift ;;
    --keep) keep=yes ;;
    --sweep) sweep=yes ;;
    -h | --help) usage; exit 0 ;;
    *) usage_error "unknown option '$1'" ;;
  esac
  shift
done

stop_testbed() {
  if [ "$keep" = yes ]; then
    echo 'the Slurm keeps running; stop it with slurm/testbed/down'
  else
    step 'Stop Slurm' && run slurm/testbed/down --purge
  fi
}

# Prints the job's log as it grows until the job has ended.
follow_job() {
  local job=$1 log=$2 tail_pid
  until [ -e "$log" ] || [ -z "$(squeue -h -j "$job" 2>/dev/null)" ]; do sleep 0.5; done
  [ -e "$log" ] || die "job $job left the queue without a log; see slurm/testbed/status"
  tail -n +1 -s 0.5 -F "$log" 2>/dev/null &
  tail_pid=$!
  while [ -n "$(squeue -h -j "$job" 2>/dev/null)" ]; do sleep 1; done
  sleep 1.5
  kill "$tail_pid" 2>/dev/null || true
  wait "$tail_pid" 2>/dev/null || true
}

# Prints the first value of key $1 in a report in JSON on standard input.
report_value() { sed -nE "s/^ *\"$1\": \"?([^\",]*)\"?,?\$/\1/p" | head -n 1; }

# Twelve runs of compute 1:4:16, as arrays of jobs; their tables, the law fitted to them, and a plan by that law. Runs of seconds do not
# show the loss that none goes below: Kaplan's form has none.
demonstrate_sweep() {
  step 'Sweep: three budgets of compute 1:4:16, four sizes each'
  rm -rf "$kSweep"
  run build/bin/planner sweep configs/clusters/testbed.yaml --gpu-hours 0.42 --sizes 4 --size-factor 1.5 --tokens-per-param 16 --form kaplan \
    --seq-len 64 --data "$kData" --name demo-sweep --out "$kSweep" --submit

  step 'Again: nothing is missing'
  run build/bin/planner submit "$kSweep"

  step 'Wait for the runs and their report'
  while [ -n "$(squeue -h)" ]; do
    build/bin/planner status "$kSweep" | grep '^Sweep '
    sleep 30
  done
  run build/bin/planner status "$kSweep"

  step 'What the report says'
  cat "$kSweep"/logs/demo-sweep-report-*.log
  if [ ! -r "$kSweep/law.yaml" ]; then
    step 'These runs do not determine a law well enough: written all the same, marked UNRELIABLE'
    run build/bin/report fit "$kSweep"/runs/*.h5 --form kaplan --force --out "$kSweep/law.yaml" || [ $? -eq 10 ]
  fi
  [ -r "$kSweep/law.yaml" ] || die "the report fitted no law; see $kSweep/logs"

  step "The next plan, by that law: $hours hours"
  run build/bin/planner configs/clusters/testbed.yaml --hours "$hours" --seq-len 64 --data "$kData" --law "$kSweep/law.yaml" --name demo-next \
    --out plans/demo-next --force
  echo "$((SECONDS - start)) s since set-up"
}

step 'Set up: packages and build'
run scripts/setup.sh
start=$SECONDS

step 'Start a Slurm on this machine: two CPU nodes that train, sixteen virtual H100 nodes that check scripts'
if slurm/testbed/status >/dev/null 2>&1; then keep=yes; fi  # somebody else's: not ours to stop
trap stop_testbed EXIT
run slurm/testbed/up
eval "$(slurm/testbed/up --env)"
run sinfo

step 'Tokenize 40 MB of English, byte by byte'
[ -r "$kText" ] || die "$kText is missing; run scripts/setup.sh"
run build/bin/tokenize "$kText" --tokenizer bytes --documents paragraph --out "$kData" --overwrite

step 'Measure the two nodes as they will be used: one rank of one core each'
mkdir -p "$(dirname "$kDevice")"
run srun -p cpu -N 2 --ntasks-per-node=1 --cpus-per-task=1 --mpi=pmix build/bin/trainer bench --name testbed-cpu --out "$kDevice"

if [ "$sweep" = yes ]; then
  demonstrate_sweep
  exit 0
fi

step "Plan: which model, on how many tokens, in $hours hours?"
run build/bin/planner configs/clusters/testbed.yaml --hours "$hours" --data "$kData" --name demo --out "$kPlan" --force

step 'Pilot: how fast are the nodes really?'
run sbatch --test-only "$kPlan/pilot.sbatch"
run sbatch --wait "$kPlan/pilot.sbatch"
run build/bin/planner refine "$kPlan"

step 'Submit it, watch it train'
run sbatch --test-only "$kPlan/train.sbatch"
job=$(sbatch --parsable "$kPlan/train.sbatch")
echo "job $job"
follow_job "$job" "demo-$job.log"

step 'Report'
run_file=$(find runs -name 'demo.s*.h5' -printf '%T@ %p\n' 2>/dev/null | sort -n | tail -n 1 | cut -d' ' -f2-)
[ -n "$run_file" ] || die "the job wrote no run file under runs/; its log is demo-$job.log"
run build/bin/report "$run_file" --table predictions --format md

step 'Did it learn? Loss on held-out text, nats a byte'
baseline() { sed -n "s/^ *$1: //p" "$kData/dataset.yaml"; }
loss=$(build/bin/report "$run_file" --format json | report_value validation_loss)
awk -v model="$loss" -v unigram="$(baseline unigram_nats_per_token)" -v bigram="$(baseline bigram_nats_per_token)" -v seconds=$((SECONDS - start)) '
  BEGIN {
    printf "  byte frequencies  %.4f\n  byte bigrams      %.4f\n  this model        %.4f\n", unigram, bigram, model
    printf "%d s since set-up; %s\n", seconds, model < bigram ? "the model beats both" : "the model does NOT beat the bigrams"
    exit !(model < bigram)
  }' || die "the trained model is no better than byte bigrams; see demo-$job.log"
