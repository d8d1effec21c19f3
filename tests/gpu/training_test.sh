#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A small model trained on a GPU has the losses of the same training on the CPU; one that was stopped goes on from its checkpoint with
# the same losses. In the default mode, whose sums have no fixed order, losses are near. Exit code 77 where this node has no GPU.
# usage: training_test.sh SOURCE_DIR BIN_DIR
set -uo pipefail
source_dir=$1 bin=$2
work=$(mktemp -d /tmp/isoflop-gt.XXXXXX)
trap 'rm -rf "${work:?}"' EXIT
export ISOFLOP_BIN=$bin OMP_NUM_THREADS=2
# shellcheck source=tests/support/checks.sh
. "$source_dir/tests/support/checks.sh"
# shellcheck source=tests/support/report_column.sh
. "$source_dir/tests/support/report_column.sh"
cd "$work" || exit 1

# train NAME DEVICE ARGUMENT...
train() {
  "$bin/trainer" "$source_dir/configs/train/quick-test.yaml" --device "$2" --set run.name="$1" --set data.path=tokens \
    --set checkpoint.milestone_interval=20 --set device.deterministic=true "${@:3}"
}
tokenize_text() { cat "$source_dir"/src/*/*.cpp "$source_dir"/src/trainer/*/*.cpp >text.txt && "$bin/tokenize" text.txt --tokenizer bytes --out tokens; }
loss_of() { report_column train_loss runs/"$1".s*.h5; }
# within A B TOLERANCE
within() { echo "$1 and $2"; awk -v a="$1" -v b="$2" -v t="$3" 'BEGIN { d = a > b ? a - b : b - a; exit !(a != "" && b != "" && d <= t * b) }'; }

if ! tokenize_text >/dev/null || ! train probe cuda --check >/dev/null 2>probe.err; then
  grep -q "device.kind is 'cuda'" probe.err || { cat probe.err; exit 1; }
  echo "skipped: $(head -n 1 probe.err)"
  exit 77
fi
check 'on the CPU' train cpu cpu
check 'on a GPU in fp32' train fp32 cuda --set precision=fp32
check 'its loss is that of the CPU' within "$(loss_of fp32)" "$(loss_of cpu)" 1e-3
check 'on a GPU in bf16' train bf16 cuda --set precision=bf16
check 'its loss is near that of the CPU' within "$(loss_of bf16)" "$(loss_of cpu)" 2e-2
check 'on a GPU in bf16 without a fixed order of sums' train default cuda --set precision=bf16 --set device.deterministic=false
check 'its loss is near that of the CPU too' within "$(loss_of default)" "$(loss_of cpu)" 2e-2
check 'without CUDA graphs' train eager cuda --set precision=bf16 --set device.graphs=false
check 'it has the same loss' within "$(loss_of eager)" "$(loss_of bf16)" 0
check 'with GELU in products' train fused cuda --set precision=bf16 --set model.ffn_type=standard --set model.activation=gelu_tanh
check 'with GELU by kernels of its own' train separate cuda --set precision=bf16 --set model.ffn_type=standard \
  --set model.activation=gelu_tanh --set device.fuse_gelu=false
check 'it has nearly the same loss' within "$(loss_of fused)" "$(loss_of separate)" 2e-2
check 'from its checkpoint of step 20' train part cuda --set precision=bf16 --set checkpoint.from=runs/bf16.checkpoints/step-00000020
check 'it has the loss of the whole' within "$(loss_of part)" "$(loss_of bf16)" 0
report_checks
