#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The script for GPU nodes, rehearsed on CPU ranks: it writes its file with rates and a training, and says so where there is no GPU. What
# fails, is skipped or takes too long is named in the file with its reason, and the rest is there.
# usage: rehearsal_test.sh SOURCE_DIR BUILD_DIR
set -uo pipefail
source_dir=$1 build=$2
work=$(mktemp -d /tmp/isoflop-gr.XXXXXX)
trap 'rm -rf "${work:?}"' EXIT
export ISOFLOP_BUILD=$build OMP_NUM_THREADS=1 OMPI_MCA_mpi_yield_when_idle=1 TMPDIR=$work
unset CUDA_VISIBLE_DEVICES
# shellcheck source=tests/support/checks.sh
. "$source_dir/tests/support/checks.sh"

# measure CODE ARGUMENT...: the script ends with CODE.
measure() {
  local code=$1
  "$source_dir/scripts/measure_gpu.sh" --out "$work/perf.md" "${@:2}"
  local got=$?
  [ $got -eq "$code" ] || { echo "exit code $got"; return 1; }
}
past_its_limit() { ISOFLOP_RUN_LIMIT=1 measure 5 --rehearse --steps 1000000; }
has() { cat "$work/perf.md"; grep -q -- "$1" "$work/perf.md"; }
has_no() { ! has "$1"; }
without_gpu() {
  PATH=/usr/bin:/bin "$source_dir/scripts/measure_gpu.sh" --out "$work/none.md"
  [ $? -eq 5 ] && [ ! -e "$work/none.md" ]
}
wrong_option() { ! "$source_dir/scripts/measure_gpu.sh" --ouT x; }

# A node of two GPUs whose trainer starts but neither measures nor trains.
write_fake_node() {
  mkdir -p "$work/fake/bin"
  ln -s "$build/bin/tokenize" "$build/bin/report" "$work/fake/bin/"
  printf '#!/bin/bash\n[ "$*" != --list-gpus ] || printf "GPU 0: H100\\n  MIG 1g Device 0\\nGPU 1: H100\\n"\n' >"$work/fake/nvidia-smi"
  cat >"$work/fake/bin/trainer" <<SCRIPT
#!/bin/bash
case " \$* " in
  *--version*) exec "$build/bin/trainer" --version ;;
  *start.yaml*) exec "$build/bin/trainer" "\$@" --device cpu --set precision=fp32 ;;
  *--rates*) exit 3 ;;
  *) echo "trainer: error: no memory today" >&2; exit 8 ;;
esac
SCRIPT
  chmod +x "$work/fake/nvidia-smi" "$work/fake/bin/trainer"
}
# add_fake_test NAME COMMAND: 77 is skipped.
add_fake_test() {
  printf 'add_test(%s bash -c [[%s]])\nset_tests_properties(%s PROPERTIES LABELS gpu SKIP_RETURN_CODE 77)\n' "$1" "$2" "$1"
}
write_fake_tests() {
  add_fake_test gpu_device_np1 'echo "test.cpp:34: Skipped"; echo "no GB300 in the catalogue"'
  add_fake_test gpu_ops_np1 'echo "skipped: no driver"; exit 77'
  add_fake_test gpu_collectives_np8 'echo "skipped: rank 2 has no GPU"; exit 77'
  add_fake_test gpu_training 'echo "FAIL its loss"; exit 1'
} >"$work/fake/CTestTestfile.cmake"
on_fake_node() { PATH=$work/fake:$PATH ISOFLOP_BUILD=$work/fake measure 5; }

check 'a rehearsal on two CPU ranks' measure 0 --rehearse --steps 12
check 'says what it is' has 'nothing here is of a GPU'
check 'has the rates of both ranks' has '^rate .* 1 '
check 'has the all-reduce' has '^all_reduce '
check 'has the run' has '| quick-ddp-64 '
check 'keeps the run file' test -e "$work/perf-files/runs/quick-ddp-64.s000.h5"
command -v nvidia-smi >/dev/null || check 'without a GPU nothing is written' without_gpu
check 'a wrong option is refused' wrong_option

check 'a run that fails' measure 5 --rehearse --steps 0
check 'leaves the rates' has '^all_reduce '
check 'is named with its reason' has "^- FAILED: quick-ddp-64: .*schedule.steps is '0'"
check 'the measurement before is kept' grep -q '| quick-ddp-64 ' "$work/perf.md.before"

check 'a run without end' past_its_limit
check 'is ended' has '^- FAILED: quick-ddp-64: ran past its limit of 1 s'

write_fake_node
check 'a build without tests' on_fake_node
check 'is named' has '^- FAILED: tests: .* has none'
check 'rates without a message are named' has '^- FAILED: rates: no message, exit code 3'
check 'the first run is named' has '^- FAILED: gpt2-124m-ddp-1024: trainer: error: no memory today'
check 'and the last one' has '^- FAILED: llama3-8b-fsdp-8192: trainer: error: no memory today'
write_fake_tests
check 'tests of which some do not pass' on_fake_node
check 'all are listed' has 'gpu_device_np1 .*Passed'
check 'the skipped one has failed, with its reason' has '^- FAILED: gpu_ops_np1: skipped: no driver'
check 'the one for more GPUs has not' has '^- not run: gpu_collectives_np8: skipped: rank 2 has no GPU'
check 'the failed one is named' has '^- FAILED: gpu_training: Failed'
check 'and what it said' has '^FAIL its loss'
check 'what the one that passed left out is told' has '^- no GB300 in the catalogue'
check 'the one that passed is not' has_no 'FAILED: gpu_device'
report_checks
