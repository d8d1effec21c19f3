#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A sweep of three runs on a real Slurm, of which one fails: submitted twice it is submitted once, the failing one is then submitted
# alone, and the report comes last.
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

write_cluster() {
  cat >cluster.yaml <<YAML
name: small
partitions:
  - {name: cpu, nodes: 2, cpu_device: core, ranks_per_node: 1, cpus_per_node: 1, mem_gb_per_node: 1,
     inter_node_gb_per_s_per_node: 3, time_limit: 10m}
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
check 'a cluster file' write_cluster
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
report_checks
