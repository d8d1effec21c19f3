#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A sweep of three runs on a real Slurm, of which one fails: submitted twice it is submitted once, the failing one is then submitted
# alone, and the report comes last. Then one of two runs whose jobs are chained by dependencies: one is stopped and goes on in its
# successor, both are cancelled, and go on when they are submitted again.
# usage: sweep_test.sh SOURCE_DIR BIN_DIR
set -uo pipefail
bin=$2
testbed=$1/slurm/testbed
work=$(mktemp -d /tmp/isoflop-sw.XXXXXX)
export ISOFLOP_TESTBED_DIR=$work/a
# shellcheck source=tests/support/checks.sh
. "$1/tests/support/checks.sh"
export ISOFLOP_BIN=$bin OMPI_MCA_mpi_yield_when_idle=1
if [ "$(id -u)" -eq 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi

cleanup() {
  "$testbed/down" --purge 2>/dev/null
  rm -rf "${work:?}"
}
trap cleanup EXIT
cd "$work" || exit 1

# write_cluster FILE [CHAIN]
write_cluster() {
  cat >"$1" <<YAML
name: small
partitions:
  - {name: cpu, nodes: 2, cpu_device: core, ranks_per_node: 1, cpus_per_node: 1, mem_gb_per_node: 1,
     inter_node_gb_per_s_per_node: 3, time_limit: 10m, chain: ${2:-requeue}}
devices:
  core: {kind: cpu, mem_gb: 1, mem_bandwidth_gb_per_s: 20, peak_tflops: {fp32: 0.03}, source: assumed}
YAML
}

tokenize_text() {
  local i
  for i in {1..3000}; do echo "line $i: the square of $i is $((i * i))."; done >text.txt
  "$bin/tokenize" text.txt --tokenizer bytes --out data
}

sweep() {
  "$bin/planner" sweep cluster.yaml --gpu-hours 0.04 --model quick --vary optimizer.lr=1e-3,2e-3,4e-3 --seq-len 64 --data data \
    --name three --out sw "$@"
}
break_one() { sed -i.whole "s|path: .*|path: $work/nowhere|" sw/plans/three-lr-2e-3.yaml; }
mend_it() { mv sw/plans/three-lr-2e-3.yaml.whole sw/plans/three-lr-2e-3.yaml; }

sweep_of_two() {
  "$bin/planner" sweep chained.yaml --gpu-hours 0.04 --model quick --vary optimizer.lr=1e-3,2e-3 --seq-len 64 --data data --name two \
    --out two "$@"
}
both_run() { [ "$(squeue -h -t RUNNING -o %j | grep -c '^two-a')" -eq 2 ]; }
trains() { compgen -G "two/runs/$1.s*.h5" >/dev/null; }
# stop_one MEMBER: of the array.
stop_one() { scancel --signal=USR2 "$(squeue -h -t RUNNING -r -o '%A %K' | awk -v member="$1" '$2 == member { print $1; exit }')"; }
was_started() { echo "$1 was started $(wc -l <"two/runs/$1.starts") times"; [ "$(wc -l <"two/runs/$1.starts")" -ge "$2" ]; }
two_done() { "$bin/planner" status two >said.txt; cat said.txt; grep -q "$1 of 2 runs are done, 0 wait or run" said.txt; }
as_json() { sweep --json >said.json && /usr/bin/python3 -c 'import json; s = json.load(open("said.json")); assert len(s["runs"]) == 3, s'; }

submits() { "$bin/planner" submit sw >said.txt; local code=$?; cat said.txt; [ $code -eq 0 ] && grep -q "$1" said.txt; }
submissions() { grep -c 'array-' sw/submitted.txt; }
submitted() { [ "$(submissions)" -eq "$1" ]; }

# wait_for SECONDS COMMAND...
wait_for() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.5
  done
}
queue_is_empty() { [ -z "$(squeue -h)" ]; }
ends() { wait_for 150 queue_is_empty || { squeue; tail -n 20 sw/logs/*; return 1; }; }
status_says() { "$bin/planner" status sw >said.txt; cat said.txt; grep -q "$1" said.txt; }
reported() { local name; for name in "$@"; do grep -q "$name" sw/report.txt || return 1; done; }
left_out() { grep -q "three-lr-2e-3 is not done; left out" sw/logs/three-report-*.log; }
not_reported() { ! grep -q "$1" sw/report.txt; }
data_is_missed() { mv data data.away; "$bin/planner" submit sw; local code=$?; mv data.away data; [ $code -eq 3 ]; }

check 'start' "$testbed/up"
eval "$("$testbed/up" --env)"
check 'a cluster file' write_cluster cluster.yaml
check 'some text' tokenize_text
check 'a sweep of three runs' sweep
check 'one will fail' break_one
check 'without data nothing is submitted' data_is_missed
check 'the sweep command submits it' sweep --submit
check 'all three in one array' submitted 1
check 'again submits nothing' submits 'nothing: every run is done, waits or runs'
check 'so does the sweep command' sweep --submit
check 'it was one submission' submitted 1
check 'the jobs end' ends
check 'two runs are done' status_says '2 of 3 runs are done, 0 wait or run'
check 'the report names the third' left_out
check 'the report has the two' reported three-lr-1e-3 three-lr-4e-3
check 'and not the third' not_reported three-lr-2e-3
check 'mend it' mend_it
check 'the third alone is submitted' submits '1 run,'
check 'the jobs end again' ends
check 'three runs are done' status_says '3 of 3 runs are done'
check 'the new report has all three' reported three-lr-1e-3 three-lr-2e-3 three-lr-4e-3
check 'nothing is left to submit' submits 'nothing: every run is done'
check 'there were two submissions of the array' submitted 2
check 'its manifest as JSON' as_json

check 'a cluster file with chains by dependency' write_cluster chained.yaml dependency
check 'a sweep of two runs is submitted' sweep_of_two --submit
check 'both run' wait_for 60 both_run
check 'the first trains' wait_for 60 trains two-lr-1e-3
check 'the first is stopped' stop_one 0
check 'it goes on in its successor' wait_for 60 was_started two-lr-1e-3 2
check 'both are cancelled' "$bin/planner" cancel two
check 'their jobs end' ends
check 'neither is done' two_done 0
check 'they are submitted again' "$bin/planner" submit two
check 'their jobs end again' ends
check 'both are done' two_done 2
report_checks
