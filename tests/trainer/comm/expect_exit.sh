#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# usage: expect_exit.sh CODE TEXT COMMAND...: succeeds when COMMAND exits with CODE and prints TEXT.
set -uo pipefail
code=$1 text=$2
shift 2
output=$("$@" 2>&1)
got=$?
printf '%s\n' "$output"
if [ "$got" -ne "$code" ]; then
  echo "exit code '$got' (expected $code)"
  exit 1
fi
if ! grep -qF -- "$text" <<<"$output"; then
  echo "output lacks '$text'"
  exit 1
fi
