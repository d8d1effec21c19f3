#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The trainer of a GPU build needs NVIDIA's libraries, but not the driver's; nothing else needs any of them.
# usage: linked_libraries_test.sh SOURCE_DIR HAVE_CUDA(ON|OFF) TRAINER OTHER_PROGRAM...
set -uo pipefail
have_cuda=$2 trainer=$3
work=$(mktemp -d) || exit 1
trap 'rm -rf "${work:?}"' EXIT
# shellcheck source=tests/support/checks.sh
. "$1/tests/support/checks.sh"
shift 3

needed() { readelf -d "$1" | sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p' | tee /dev/stderr; }
needs() { needed "$1" | grep -qE "^$2\.so"; }
needs_none() { [ -s "$1" ] && ! needed "$1" | grep -E "^($2)"; }

if [ "$have_cuda" = ON ]; then
  for library in libcublasLt libcudnn libnccl; do
    check "the trainer needs $library" needs "$trainer" $library
  done
  check 'the trainer needs neither the driver nor a shared CUDA runtime' needs_none "$trainer" 'libcuda\.|libcudart'
else
  check 'a trainer without GPU backend needs no library of CUDA' needs_none "$trainer" 'libcu|libnccl|libnv'
fi
check 'the trainer starts without a driver' "$trainer" --version
for program in "$@"; do
  check "$(basename "$program") needs no library of CUDA" needs_none "$program" 'libcu|libnccl|libnv'
done
report_checks
