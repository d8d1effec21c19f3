#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# preflight.sbatch on a real Slurm: CPU nodes as they are, and virtual GPU nodes with an nvidia-smi and rates of which some are bad.
# usage: preflight_test.sh SOURCE_DIR BIN_DIR
set -uo pipefail
source_dir=$1 bin=$2
testbed=$source_dir/slurm/testbed
work=$(mktemp -d /tmp/isoflop-pf.XXXXXX)
export ISOFLOP_TESTBED_DIR=$work/a
# shellcheck source=tests/support/checks.sh
. "$source_dir/tests/support/checks.sh"

cleanup() {
  "$testbed/down" --purge 2>/dev/null
  rm -rf "${work:?}"
}
trap cleanup EXIT
cd "$work" || exit 1

# Four nodes of two GPUs: the second lacks one, the third has another driver, the fourth is slow.
write_fake_programs() {
  mkdir fake
  cat >fake/nvidia-smi <<'SCRIPT'
#!/bin/bash
gpus=2 driver=570.1
[ "$SLURMD_NODENAME" != h100-02 ] || gpus=1
[ "$SLURMD_NODENAME" != h100-03 ] || driver=535.2
for ((i = 0; i < gpus; i++)); do
  case "$*" in
    *driver_version*) echo "$driver" ;;
    *remapped*) echo "No, 0" ;;
    *) echo "NVIDIA H100 80GB HBM3, 4, 0" ;;
  esac
done
SCRIPT
  cat >fake/trainer <<'SCRIPT'
#!/bin/bash
[ "$SLURM_PROCID" -eq 0 ] || exit 0
for rank in 0 1 2 3 4 5 6 7; do
  rate=600
  [ $rank -ne 6 ] || rate=300
  echo "rate h100-0$((rank / 2 + 1)) $rank $rate 3000"
done
echo "all_reduce 200"
SCRIPT
  chmod +x fake/*
}
write_gpu_cluster() {
  cat >gpu.yaml <<YAML
name: gpu
partitions:
  - {name: h100, nodes: 4, gpu: h100, gpus_per_node: 2, cpus_per_node: 24, mem_gb_per_node: 400, inter_node_gb_per_s_per_node: 400,
     time_limit: 24h, exclude: [h100-16], setup: ["export PATH=$work/fake:\$PATH"]}
YAML
}
plan_gpus() { write_gpu_cluster && "$bin/planner" gpu.yaml --hours 2 --gpus 8 --name gpu --out gpu; }
plan_cpus() { "$bin/planner" "$source_dir/configs/clusters/testbed.yaml" --hours 0.05 --gpus 2 --vocab-size 257 --tokenizer bytes --name cpu --out cpu; }
# Exit code 5: bad nodes were found.
gpu_preflight_finds_bad_nodes() {
  ISOFLOP_BIN=$work/fake timeout 100 sbatch --wait --nodelist='h100-[01-04]' --output=gpu.log gpu/preflight.sbatch
  local code=$?
  cat gpu.log gpu/preflight.txt
  [ $code -eq 5 ] && grep -q '3 of 4 nodes are bad' gpu.log
}
bad_nodes_are() { cut -d' ' -f1 gpu/bad_nodes.txt | sort -u | tr '\n' ' ' | tee bad; [ "$(cat bad)" = "$1" ]; }
reason() { cat gpu/bad_nodes.txt; grep -qF -- "$1" gpu/bad_nodes.txt; }
submission_leaves_them_out() {
  "$bin/planner" submit gpu && scontrol show job -o | grep 'JobName=gpu ' | tail -n 1 | tee job.txt
  grep -q 'ExcNodeList=h100-\[02-04,16\]' job.txt
}
cpu_preflight_measures() {
  timeout 200 sbatch --wait --output=cpu.log cpu/preflight.sbatch
  cat cpu.log cpu/preflight.txt
  grep -q '^fact cpu2 trainer ' cpu/preflight.txt && grep -q '^clock cpu1 ' cpu/preflight.txt &&
    grep -Eq '^rate cpu2 1 [0-9.e-]+ [0-9.]+$' cpu/preflight.txt && grep -Eq '^all_reduce [0-9.]+$' cpu/preflight.txt
}
nothing_but_rates_is_bad() { ! grep -v 'matrix rate\|all-reduce' cpu/preflight.txt.verdict; }

check 'the testbed starts' "$testbed/up"
[ "$failures" -eq 0 ] || exit 1
# shellcheck disable=SC1091
. "$work/a/env.sh"
write_fake_programs
check 'a plan for GPUs' plan_gpus
check 'a preflight of four GPU nodes' gpu_preflight_finds_bad_nodes
check 'names the bad nodes' bad_nodes_are 'h100-02 h100-03 h100-04 '
check 'a GPU is missing' reason 'h100-02 1 GPUs, 2 are asked for'
check 'a driver differs' reason 'h100-03 driver is "535.2 ", most have "570.1 "'
check 'a GPU is slow' reason 'h100-04 matrix rate 300 TFLOP/s, most reach 600'
check 'the next submission leaves them out' submission_leaves_them_out
check 'a plan for CPUs' plan_cpus
check 'a preflight of CPU nodes measures them' cpu_preflight_measures
check 'and finds nothing wrong with this machine' nothing_but_rates_is_bad
report_checks
