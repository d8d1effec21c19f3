# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Named checks for shell tests. The caller sets `work`, a folder for the output of the last check.
checks=0 failures=0

# check NAME COMMAND...: one named fact; prints what the command printed if it fails.
check() {
  local name=$1
  shift
  checks=$((checks + 1))
  if "$@" >"${work:?}/check.out" 2>&1; then
    echo "ok   $name"
  else
    failures=$((failures + 1))
    echo "FAIL $name"
    sed 's/^/     | /' "$work/check.out"
  fi
}

# The sum, and success only when no check failed.
report_checks() {
  echo "$checks checks, $failures failed"
  [ "$failures" -eq 0 ]
}
