#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# How near refined predictions come, on the testbed of this machine: two plans, each with its pilot, refined; then short runs of
# both refined plans in turn. Prints predicted against measured (medians over the runs) and fails above 15 % for the step time
# or 2 % for memory.
# usage: refine_benchmark.sh SOURCE_DIR BIN_DIR [RUNS]     RUNS: of each plan [3]
set -euo pipefail
source_dir=$1 bin=$2 runs=${3:-3}
readonly kSteps=150 kHours=(0.02 0.08)
testbed=$source_dir/slurm/testbed
work=$(mktemp -d /tmp/isoflop-refine.XXXXXX)
export ISOFLOP_TESTBED_DIR=$work/slurm

# shellcheck disable=SC2317  # called by trap
cleanup() {
  "$testbed/down" --purge >/dev/null 2>&1
  rm -rf "${work:?}"
}
trap cleanup EXIT

# Prints the first value of key $1 in JSON or YAML on standard input.
value_of() { sed -nE "s/^ *\"?$1\"?: \"?([^\",# ]*)\"?,?.*\$/\1/p" | head -n 1; }
median() { sort -g | awk '{ v[NR] = $1 } END { print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
two_ranks() { srun -p cpu -N 2 --ntasks-per-node=1 --cpus-per-task=1 --mpi=pmix "$@"; }

"$testbed/up" >/dev/null 2>&1
eval "$("$testbed/up" --env)"
cd "$work"
mkdir -p configs/clusters .testbed
cp "$source_dir/configs/clusters/testbed.yaml" configs/clusters/
{ gzip -dc </usr/share/dictd/gcide.dict.dz 2>/dev/null || true; } | head -c 8000000 >text.txt  # head ends gzip
"$bin/tokenize" text.txt --tokenizer bytes --documents paragraph --out tokens >/dev/null
two_ranks "$bin/trainer" bench --name testbed-cpu --out .testbed/device.yaml >/dev/null 2>&1

for hours in "${kHours[@]}"; do
  "$bin/planner" configs/clusters/testbed.yaml --hours "$hours" --data tokens --name "h$hours" --out "plan$hours" >/dev/null
  echo "before refining, $hours h: $(value_of step_s <"plan$hours/plan.yaml") s a step"
  sbatch --wait "plan$hours/pilot.sbatch" >/dev/null
  "$bin/planner" refine "plan$hours" --keep-model | grep -A 5 '^layout ' | head -n 4
done
for ((run = 1; run <= runs; run++)); do
  for hours in "${kHours[@]}"; do
    two_ranks "$bin/trainer" "plan$hours/plan.yaml" --set run.name="h$hours-$run" --set schedule.steps=$kSteps \
      --set schedule.warmup_steps=5 --set eval.interval=0 --set checkpoint.at_end=false >/dev/null 2>&1
  done
done

# Prints what run file $1 measured of quantity $2.
measured() { "$bin/report" "$1" --table predictions --format csv | awk -F, -v what="$2" '$2 == what { print $5 }'; }

failed=0
for hours in "${kHours[@]}"; do
  for quantity in 'step time' 'memory peak'; do
    case $quantity in
      'step time') key=step_s limit=15 ;;
      *) key=memory_gib limit=2 ;;
    esac
    predicted=$(value_of $key <"plan$hours/plan.yaml")
    median=$(for file in runs/h"$hours"-*.h5; do measured "$file" "$quantity"; done | median)
    awk -v hours="$hours" -v what="$quantity" -v p="$predicted" -v m="$median" -v runs="$runs" -v limit=$limit 'BEGIN {
      d = 100 * (m / p - 1)
      printf "%s h  %-11s predicted %.5f  measured %.5f (median of %d)  %+.1f %%  %s\n", hours, what, p, m, runs, d, (d * d <= limit * limit) ? "ok" : "FAIL"
      exit !(d * d <= limit * limit)
    }' || failed=1
  done
done
exit $failed
