#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# usage: keep_ptxas_lines.sh COMMAND... -o OBJECT ... (CMake's launcher of nvcc)
# Runs the compiler and moves what ptxas -v says about each kernel from its error output to OBJECT.ptxas, which
# scripts/kernel_resources.sh reads; everything else is passed on. A compiler cache before nvcc replays the lines.
set -uo pipefail

object=''
for ((i = 1; i < $#; ++i)); do
  if [ "${!i}" = -o ]; then next=$((i + 1)) object=${!next}; fi
done
[ -n "$object" ] || exec "$@" # not a compilation

errors=$(mktemp) || exit 1
trap 'rm -f "$errors"' EXIT
rm -f "$object.ptxas"
"$@" 2>"$errors"
status=$?
# "Function properties" is followed by an indented line of its own.
grep -vE '^ptxas info|^    [0-9]+ bytes stack frame, ' "$errors" >&2
[ $status -eq 0 ] || exit $status
grep -E '^ptxas info|^    [0-9]+ bytes stack frame, ' "$errors" >"$object.ptxas"
exit 0
