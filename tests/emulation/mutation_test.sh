#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Damages the trainer's sources one line at a time, links each into the tests of the emulated GPUs and demands that the test named
# beside it fails, with the words given. Needs a Ninja build with those tests built. Leaves the tree alone.
# usage: mutation_test.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
readonly kSource=$1 kBuild=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# name | file under src/ | sed command | test program | GoogleTest filter | words of the failure
readonly kMutations='
gather not awaited         | trainer/fsdp/gather_buffers.cpp        | s/^  backend_.device->wait(backend_.device->compute_stream(), slot->gathered);$// | trainer_cuda_train_test | CudaStep.neither* | ncclAllGather
buffer gathered too early  | trainer/fsdp/gather_buffers.cpp        | s/^  device.wait(stream, slot.released);$// | trainer_cuda_train_test | CudaStep.neither* | ncclAllGather
gradients zeroed too early | trainer/fsdp/gradient_buffers.cpp      | s/^  device.wait(device.compute_stream(), slot.reduced);$// | trainer_cuda_train_test | CudaStep.neither* | ncclReduceScatter
update before the last sum | trainer/optim/optimizer.cpp            | s/^  device.wait(exec.stream, gradients_final);$// | trainer_cuda_train_test | CudaStep.neither* | nothing makes
collective starts at once  | trainer/comm/nccl_collectives.cpp      | s/^  device_.wait(stream, after);$// | trainer_cuda_train_test | CudaStep.neither* | nothing makes
results read at once       | trainer/step_io.cpp                    | s/^  device_.synchronize(slot.copied);$// | trainer_cuda_train_test | CudaStep.neither* | host code
'

rows() { sed -e '/^$/d' -e 's/ *| */|/g' -e 's/ *$//' <<<"$kMutations"; }
command_of() { ninja -C "$kBuild" -t commands -s "$1" | tail -n 1; }

# Objects that the link command of a test program takes from the file, or the library member that it would replace.
object_of() {
  ninja -C "$kBuild" -t inputs "tests/bin/$2" 2>/dev/null | grep -E "/$(basename "$1" | sed 's/[.+]/\\&/g')\.o$" | grep -v '/isoflop_cuda\.dir/' | head -n 1
}

# Compiles the object again from the damaged file; every include finds the damaged copy first.
compile_mutant() {
  local object=$1 file=$2 command
  command=$(command_of "$object")
  command=${command//"$kSource/src/$file"/"$work/src/$file"}
  command=${command//"-o $object"/"-o $work/mutant.o"}
  command=${command/" -I$kSource/src"/" -I$work/src -I$kSource/src"}
  (cd "$kBuild" && eval "$command")
}

link_mutant() {
  local object=$1 program=$2 command
  command=$(command_of "tests/bin/$program")
  command=${command//" $object "/" "}
  command=${command//"-o tests/bin/$program"/"$work/mutant.o -o $work/mutant"}
  (cd "$kBuild" && eval "$command")
}

check() {
  local name=$1 file=$2 edit=$3 program=$4 filter=$5 words=$6 object
  rm -rf "$work/src" "$work/mutant"
  mkdir -p "$(dirname "$work/src/$file")"
  sed "$edit" "$kSource/src/$file" >"$work/src/$file"
  if cmp -s "$kSource/src/$file" "$work/src/$file"; then
    echo "FAILED $name: the edit changes nothing in src/$file; bring it up to date"
    return 1
  fi
  object=$(object_of "$file" "$program")
  [ -n "$object" ] || { echo "FAILED $name: $program has no object of src/$file"; return 1; }
  compile_mutant "$object" "$file" && link_mutant "$object" "$program"
  if "$work/mutant" --gtest_filter="$filter" >"$work/output" 2>&1; then
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
