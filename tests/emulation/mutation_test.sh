#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Damages the trainer's sources one line at a time, links each into the tests of the emulated GPUs and demands that the test named
# beside it fails, with the words given. Needs a Ninja build with those tests built. Leaves the tree alone.
# usage: mutation_test.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
readonly kSource=$1 kBuild=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# name | file under src/ | extended sed command | test program | GoogleTest filter | words of the failure
readonly kMutations='
gather not awaited         | trainer/fsdp/gathered_parameters.cpp      | s/^  backend_.device->wait.*slot->gathered.;$// | trainer_cuda_train_test | CudaStep.neither* | nothing makes
buffer gathered too early  | trainer/fsdp/gathered_parameters.cpp      | s/^  device.wait.stream, slot.released.;$// | trainer_cuda_train_test | CudaStep.neither* | ncclAllGather
early units not awaited    | trainer/fsdp/gathered_parameters.cpp      | s/^  changed..;$// | trainer_cuda_train_test | CudaStep.neither* | nothing makes
use of a buffer not noted  | trainer/fsdp/gathered_parameters.cpp      | s/^  slot->released = .*$// | trainer_cuda_train_test | CudaStep.neither* | ncclAllGather
gradients zeroed too early | trainer/fsdp/streamed_gradients.cpp       | s/^  device.wait.*slot.reduced.;$// | trainer_cuda_train_test | CudaStep.neither* | ncclReduceScatter
gradients never zeroed     | trainer/fsdp/gradient_start.cpp           | s/^    device.zero.*$/    static_cast<void>(device);/ | trainer_cuda_train_test | CudaStep.neither* | where nothing was written
gradients on another stream | trainer/fsdp/streamed_gradients.cpp      | s/accumulate\(\{device, stream,/accumulate({device, device.copy_stream(),/ | trainer_cuda_train_test | CudaStep.neither* | nothing makes
update before the last sum | trainer/optim/optimizer.cpp               | s/^  device.wait.exec.stream, gradients_final.;$// | trainer_cuda_train_test | CudaStep.neither* | nothing makes
collective starts at once  | trainer/comm/nccl_collectives.cpp         | s/^  device_.wait.stream, after.;$// | trainer_cuda_train_test | CudaStep.neither* | nothing makes
loss not awaited           | trainer/step_io.cpp                       | s/^  device_.wait.compute, coll/  static_cast<void>(0, coll/ | trainer_cuda_train_test | CudaStep.neither* | nothing makes
results zeroed too early   | trainer/step_io.cpp                       | s/^  device_.wait.compute, slot.*$// | trainer_cuda_train_test | CudaStep.every_step* | nothing makes
results read at once       | trainer/step_io.cpp                       | s/^  device_.synchronize.*$// | trainer_cuda_train_test | CudaStep.neither* | host code
staging written too early  | trainer/fsdp/parameter_init.cpp           | s/^    device.synchronize.*$// | trainer_cuda_train_test | CudaStep.neither* | host code
id not sent to other ranks | trainer/comm/nccl_collectives.cpp         | s/^  launch.broadcast_from_first.*$// | trainer_comm_nccl_test | NcclCollectives.seconds* | ncclCommInitRank
communicator left          | trainer/comm/nccl_communicator.cpp        | s/ncclCommDestroy.communicator./(void)0/ | trainer_comm_nccl_test | NcclCollectives.seconds* | not destroyed
allocation not awaited     | trainer/backend/cuda/cuda_device.cpp      | s/^    wait.stream, allocated.;$// | trainer_cuda_device_test | * | nothing makes
barrier missing in rope    | trainer/backend/cuda/rope.cu              | s/__syncthreads..;// | trainer_cuda_ops_test | *agrees*f32_rope* | no __syncthreads
logits read past their end | trainer/backend/cuda/cross_entropy.cu     | s/logits\[target\];/logits[target] + 0 * logits[V];/ | trainer_cuda_kernels_test | CudaCrossEntropyRange.* | out of bounds
scratch read past its end  | trainer/backend/cuda/column_sum.cu        | s/part < parts; /part <= parts; / | trainer_cuda_kernels_test | *olumn* | where nothing was written
graph of other parameters  | trainer/model/transformer.cpp             | s/^  add.key, lease.;$// | trainer_cuda_train_test | *CudaGraphs.change*fsdp* | nothing makes
algorithms not used        | trainer/session.cpp                       | s/ops.use_algorithms.algorithms_.;// | trainer_cuda_train_test | *lgorithms* | Expected
GELU over its own input    | trainer/backend/cuda/linear.cpp           | s/nullptr, in.data/nullptr, d_in.data/ | trainer_cuda_ops_test | *agrees*bf16_gelu_tanh_of_linear* | cublasLtMatmul failed
GELU fused and run again   | trainer/model/sublayers.cpp               | s/ .. !context.rerun.has_alone.BlockPart::activations.// | trainer_cuda_train_test | CudaGelu.is_not* | work_of_a_step
scale left out of softmax  | trainer/backend/cuda/flash_attention.cpp  | s/\.scale = 1\.0f . std::sqrt.*$/.scale = 1.0f}};/ | trainer_cuda_libraries_test | *both_passes* | Expected
'

rows() { sed -e '/^$/d' -e 's/ *| */|/g' -e 's/ *$//' <<<"$kMutations"; }
# What Ninja runs to make a file, without the notes on dependencies, which would be of the damaged copy.
command_of() { ninja -C "$kBuild" -t commands -s "$1" | tail -n 1 | sed -E 's/ -M(D|T [^ ]+|F [^ ]+)//g'; }

# The object of the file that the link command of a test program takes, or the library member that it would replace.
object_of() {
  local object
  for object in $(ninja -C "$kBuild" -t inputs "tests/bin/$2" | grep -F "/$(basename "$1").o" | grep -v '/isoflop_cuda\.dir/'); do
    if [[ "$(command_of "$object") " == *" $kSource/src/$1 "* ]]; then
      echo "$object"
      return
    fi
  done
}

# Compiles the object again from the damaged file; every include finds the damaged copy first.
compile_mutant() {
  local object=$1 file=$2 command
  command=$(command_of "$object")
  command=${command//"$kSource/src/$file"/"$work/src/$file"}
  command=${command//"-o $object"/"-o $work/mutant.o"}
  command=${command/" -I$kSource/src"/" -I$work/src -I$kSource/src"}
  (cd "$kBuild" && eval "$command -w")
}

link_mutant() {
  local object=$1 program=$2 command
  command=$(command_of "tests/bin/$program")
  command=${command//" $object "/" "}
  command=${command//"-o tests/bin/$program"/"$work/mutant.o -o $work/mutant"}
  (cd "$kBuild" && eval "$command")
}

# The shell in between keeps its word on an aborted test to itself.
run_mutant() { (timeout 120 "$work/mutant" --gtest_filter="$1"; exit $?) >"$work/output" 2>&1; }

check() {
  local name=$1 file=$2 edit=$3 program=$4 filter=$5 words=$6 object
  rm -rf "$work/src" "$work/mutant"
  mkdir -p "$(dirname "$work/src/$file")"
  sed -E "$edit" "$kSource/src/$file" >"$work/src/$file" || return 1
  if cmp -s "$kSource/src/$file" "$work/src/$file"; then
    echo "FAILED $name: the edit changes nothing in src/$file; bring it up to date"
    return 1
  fi
  object=$(object_of "$file" "$program")
  [ -n "$object" ] || { echo "FAILED $name: $program has no object of src/$file"; return 1; }
  compile_mutant "$object" "$file" && link_mutant "$object" "$program" ||
    { echo "FAILED $name: does not build"; return 1; }
  if run_mutant "$filter"; then
    echo "FAILED $name: $filter passes all the same"
    return 1
  fi
  if ! grep -qF -- "$words" "$work/output"; then
    echo "FAILED $name: $filter fails, but not with '$words':"
    tail -n 20 "$work/output"
    return 1
  fi
  echo "found  $name: $(grep -F -m 1 -- "$words" "$work/output" | cut -c 1-240)"
}

failed=0
while IFS='|' read -r name file edit program filter words; do
  check "$name" "$file" "$edit" "$program" "$filter" "$words" || failed=$((failed + 1))
done < <(rows)
echo "$(rows | wc -l) mutations, $failed not found"
[ "$failed" -eq 0 ]
