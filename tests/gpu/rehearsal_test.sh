#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The script for GPU nodes, rehearsed on CPU ranks: it writes its file with rates and a training, and says so where there is no GPU.
# usage: rehearsal_test.sh SOURCE_DIR BUILD_DIR
set -uo pipefail
source_dir=$1 build=$2
work=$(mktemp -d /tmp/isoflop-gr.XXXXXX)
trap 'rm -rf "${work:?}"' EXIT
export ISOFLOP_BUILD=$build OMP_NUM_THREADS=1 OMPI_MCA_mpi_yield_when_idle=1 TMPDIR=$work
# shellcheck source=tests/support/checks.sh
. "$source_dir/tests/support/checks.sh"

rehearse() { "$source_dir/scripts/measure_gpu.sh" --rehearse --steps 12 --out "$work/perf.md"; }
has() { cat "$work/perf.md"; grep -q "$1" "$work/perf.md"; }
without_gpu() {
  PATH=/usr/bin:/bin "$source_dir/scripts/measure_gpu.sh" --out "$work/none.md"
  [ $? -eq 5 ] && [ ! -e "$work/none.md" ]
}
wrong_option() { ! "$source_dir/scripts/measure_gpu.sh" --ouT x; }

check 'a rehearsal on two CPU ranks' rehearse
check 'says what it is' has 'nothing here is of a GPU'
check 'has the rates of both ranks' has '^rate .* 1 '
check 'has the all-reduce' has '^all_reduce '
check 'has the run' has '| quick-ddp-64 '
command -v nvidia-smi >/dev/null || check 'without a GPU nothing is written' without_gpu
check 'a wrong option is refused' wrong_option
report_checks
