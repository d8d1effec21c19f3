#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every script that the planner writes for every cluster file that ships is taken by a Slurm with the nodes of that file, and refused
# when it asks for more than there is.
# usage: cluster_scripts_test.sh SOURCE_DIR BIN_DIR VIRTUAL_CLUSTER
set -uo pipefail
source_dir=$1 bin=$2 virtual_cluster=$3
testbed=$source_dir/slurm/testbed
work=$(mktemp -d /tmp/isoflop-vc.XXXXXX)
export ISOFLOP_TESTBED_DIR=$work/a
# shellcheck source=tests/support/checks.sh
. "$source_dir/tests/support/checks.sh"

cleanup() {
  "$testbed/down" --purge >/dev/null 2>&1
  rm -rf "${work:?}"
}
trap cleanup EXIT

plan() { "$bin/planner" "$1" --hours 72 --partition "$2" --out "$work/plan-$2" --force; }
# A sweep with its ticks, where this trainer can run one.
sweep() {
  local code=0
  "$bin/planner" sweep "$1" --gpu-hours 1000 --run-hours 500 --tokenizer bytes --vocab-size 257 --out "$work/plan-sweep" >"$work/said.txt" 2>&1 || code=$?
  cat "$work/said.txt"
  [ $code -eq 4 ] && grep -q 'this trainer cannot run there yet' "$work/said.txt" && return 0
  [ $code -eq 0 ] && "$bin/planner" schedule "$work/plan-sweep"
}
start_cluster() {
  "$virtual_cluster" "$1" >"$work/nodes.conf" && "$testbed/down" && "$testbed/up" --nodes "$work/nodes.conf"
}
# Reservations are made by administrators.
make_reservations() {
  compgen -G "$work/plan-*/train.sbatch" >/dev/null || return 0
  sed -n 's/^#SBATCH --reservation=//p' "$work"/plan-*/train.sbatch | sort -u | while read -r name; do
    scontrol create reservation="$name" starttime=now duration=UNLIMITED users="$(id -un)" nodes=ALL flags=IGNORE_JOBS || return 1
  done
}
accepts() { sbatch --test-only --chdir="$work" "$@"; }
refuses() { ! sbatch --test-only --chdir="$work" "$@"; }
# One minute more than the partition's limit.
refuses_longer() {
  local limit
  limit=$(scontrol show partition "$(sed -n 's/^#SBATCH --partition=//p' "$1")" -o | sed -n 's/.*MaxTime=\([^ ]*\).*/\1/p')
  [ "$limit" = UNLIMITED ] || refuses --time="$(awk -v limit="$limit" 'BEGIN {
    n = split(limit, part, /[-:]/); m = n == 4 ? part[1] * 1440 + part[2] * 60 + part[3] : part[1] * 60 + part[2]; print m + 1 }')" "$1"
}
refuses_more_nodes() {
  local nodes
  nodes=$(scontrol show partition "$(sed -n 's/^#SBATCH --partition=//p' "$1")" -o | sed -n 's/.*TotalNodes=\([0-9]*\).*/\1/p')
  refuses --nodes="$((nodes + 1))" "$1"
}

for cluster in "$source_dir"/configs/clusters/*.yaml; do
  name=$(basename "$cluster" .yaml)
  rm -rf "$work"/plan-*
  sed -n '/^partitions:/,/^[^ #]/s/^ *- name: *\([^ #]*\).*/\1/p' "$cluster" | sed '/^partitions/d' >"$work/partitions"
  while read -r partition; do check "$name: a plan for $partition" plan "$cluster" "$partition"; done <"$work/partitions"
  check "$name: a sweep" sweep "$cluster"
  check "$name: a virtual cluster of its nodes" start_cluster "$cluster"
  export SLURM_CONF=$work/a/etc/slurm.conf
  check "$name: its reservations" make_reservations
  for script in "$work"/plan-*/*.sbatch; do
    [ -e "$script" ] || continue  # plans that this trainer cannot run have no scripts
    what="$name $(basename "$(dirname "$script")") $(basename "$script")"
    check "$what is accepted" accepts "$script"
    check "$what is refused with a minute more than the limit" refuses_longer "$script"
    check "$what is refused with more nodes than there are" refuses_more_nodes "$script"
  done
done
report_checks
