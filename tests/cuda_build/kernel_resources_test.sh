#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Tests scripts/kernel_resources.sh on ptxas output that is right and on damaged copies of it.
# usage: kernel_resources_test.sh SOURCE_DIR
set -uo pipefail
table=$1/scripts/kernel_resources.sh keep=$1/cmake/keep_ptxas_lines.sh
work=$(mktemp -d) || exit 1
trap 'rm -rf "${work:?}"' EXIT
# shellcheck source=tests/support/checks.sh
. "$1/tests/support/checks.sh"

object=$work/rope.cu.o
kernel=_ZN7isoflop39_GLOBAL__N__d2186f4d_7_cast_cu_c9f4625711cast_kernelI13__nv_bfloat16fLi8EEEvPT_PKT0_l
cat >"$object.ptxas" <<PTXAS
ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '$kernel' for 'sm_80'
ptxas info    : Function properties for $kernel
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 22 registers, used 1 barriers, 49152 bytes smem, 372 bytes cmem[0]
ptxas info    : Compile time = 11.575 ms
ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '$kernel' for 'sm_90a'
ptxas info    : Function properties for $kernel
    16 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 24 registers, used 0 barriers
PTXAS

# fails_with TEXT COMMAND...: exit code 1, and TEXT in its output.
fails_with() {
  local text=$1 output
  shift
  output=$("$@" 2>&1)
  [ $? -eq 1 ] && grep -qF -- "$text" <<<"$output" && return
  echo "$output"
  return 1
}
# with_change FROM TO COMMAND...: runs the command while FROM reads TO.
with_change() {
  cp "$object.ptxas" "$work/kept"
  sed -i "s/$1/$2/" "$object.ptxas"
  shift 2
  "$@"
  local status=$?
  mv "$work/kept" "$object.ptxas"
  return $status
}
shows_each_architecture() {
  "$table" "$object" | tee /dev/stderr |
    grep -qE '^rope: cast_kernel<bf16, float, 8>  22/49152/0/0 +24/0/16/0 *$'
}

check 'one line per kernel has what each architecture takes' shows_each_architecture
check 'stored spills fail' with_change '0 bytes spill stores' '8 bytes spill stores' \
  fails_with 'cast_kernel<bf16, float, 8> on sm_80: 8 bytes of spilled registers' "$table" "$object"
check 'loaded spills fail' with_change '0 bytes spill loads' '4 bytes spill loads' \
  fails_with 'on sm_90a: 4 bytes of spilled registers' "$table" "$object"
check 'static shared memory above 48 KiB fails' with_change '49152 bytes smem' '49153 bytes smem' \
  fails_with 'on sm_80: 49153 bytes of static shared memory (at most 49152)' "$table" "$object"
check 'an object without kernels fails' with_change 'Compiling entry function' 'Compiling function' \
  fails_with 'rope.cu.o.ptxas names no kernel' "$table" "$object"
check 'an object without ptxas lines fails' fails_with 'norm.cu.o.ptxas is missing' "$table" "$object" "$work/norm.cu.o"

# A compiler that says what its arguments after "-o OBJECT" are.
compiler=$work/compiler
printf '#!/bin/sh\nshift 2\nprintf "%%s\\n" "$@" >&2\n[ $# -gt 2 ]\n' >"$compiler"
chmod +x "$compiler"
info='ptxas info    : Used 8 registers' properties='    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads'
launcher_moves_lines() {
  local shown
  shown=$("$keep" "$compiler" -o "$work/a.cu.o" "$info" "$properties" 'a.cu(3): warning' 2>&1) || return
  [ "$shown" = 'a.cu(3): warning' ] && [ "$(cat "$work/a.cu.o.ptxas")" = "$info"$'\n'"$properties" ]
}
launcher_leaves_no_lines_of_a_failure() {
  ! "$keep" "$compiler" -o "$work/a.cu.o" "$info" 'ptxas error' && [ ! -e "$work/a.cu.o.ptxas" ]
}
check 'the launcher moves ptxas lines and passes on the others' launcher_moves_lines
check 'a failed compilation leaves no lines of an earlier one' launcher_leaves_no_lines_of_a_failure
report_checks
