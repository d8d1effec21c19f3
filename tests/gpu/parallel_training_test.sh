#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A small model trained on two GPUs has the losses of the same training on one, by every strategy, with Muon, and with buffers that NCCL
# knows. A run that does not end is a failure. Exit code 77 where there is no second GPU.
# usage: parallel_training_test.sh SOURCE_DIR BIN_DIR MPIEXEC [DEVICE]     DEVICE: cuda; or cpu, to try this script
set -uo pipefail
source_dir=$1 bin=$2 mpiexec=$3 device=${4:-cuda}
work=$(mktemp -d /tmp/isoflop-gp.XXXXXX)
trap 'rm -rf "${work:?}"' EXIT
export ISOFLOP_BIN=$bin OMP_NUM_THREADS=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1
readonly kLimit=120
# shellcheck source=tests/support/checks.sh
. "$source_dir/tests/support/checks.sh"
# shellcheck source=tests/support/report_column.sh
. "$source_dir/tests/support/report_column.sh"
cd "$work" || exit 1

# train NAME RANKS ARGUMENT...
train() {
  timeout --kill-after=20 $kLimit "$mpiexec" --oversubscribe --bind-to none -n "$2" "$bin/trainer" "$source_dir/configs/train/quick-test.yaml" \
    --device "$device" --set run.name="$1" --set data.path=tokens --set checkpoint.at_end=false --set eval.interval=0 \
    --set layout.n_ranks="$2" "${@:3}" >"$1.log" 2>&1 </dev/null
  local code=$?
  cat "$1.log"
  case $code in
    0) ;;
    124 | 137) echo "hangs: it did not end within $kLimit s" ;;
    *) echo "exit code $code" ;;
  esac
  return $code
}
# Those that this job may use.
count_gpus() {
  if [ -n "${CUDA_VISIBLE_DEVICES:-}" ]; then tr ',' '\n' <<<"$CUDA_VISIBLE_DEVICES" | grep -c .
  else nvidia-smi --list-gpus 2>/dev/null | grep -c '^GPU '; fi
}
tokenize_text() { cat "$source_dir"/src/*/*.cpp >text.txt && "$bin/tokenize" text.txt --tokenizer bytes --out tokens; }
loss_of() { report_column train_loss runs/"$1".s*.h5; }
# has_loss NAME OTHER TOLERANCE
has_loss() {
  local own other
  own=$(loss_of "$1") other=$(loss_of "$2")
  echo "$own and $other"
  awk -v a="$own" -v b="$other" -v t="$3" 'BEGIN { d = a > b ? a - b : b - a; exit !(a != "" && b != "" && d <= t * b) }'
}
# on_two NAME OTHER TOLERANCE ARGUMENT...: two ranks train to the loss of run OTHER.
on_two() {
  check "$1 on two ranks" train "$1" 2 "${@:4}"
  check "it has the loss of $2" has_loss "$1" "$2" "$3"
}

if [ "$device" = cuda ] && [ "$(count_gpus)" -lt 2 ]; then
  echo "skipped: two GPUs are needed, here are $(count_gpus)"
  exit 77
fi
tokenize_text >/dev/null || exit 1
check 'one rank in fp32' train fp32 1 --set precision=fp32
on_two fsdp-fp32 fp32 1e-3 --set precision=fp32 --set layout.strategy=fsdp
check 'one rank in bf16' train bf16 1 --set precision=bf16
for strategy in ddp zero1 fsdp; do on_two $strategy bf16 2e-2 --set precision=bf16 --set layout.strategy=$strategy; done
check 'one rank with Muon' train muon 1 --set precision=bf16 --set optimizer.kind=muon
on_two muon-fsdp muon 2e-2 --set precision=bf16 --set optimizer.kind=muon --set layout.strategy=fsdp
if [ "$device" = cuda ]; then
  for registration in local symmetric; do
    on_two $registration fsdp 2e-2 --log-level debug --set precision=bf16 --set layout.strategy=fsdp --set device.nccl_registration=$registration
    grep 'registered\|NCCL' $registration.log
  done
fi
report_checks
