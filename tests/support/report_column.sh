# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced by tests; needs ISOFLOP_BIN.

# report_column KEY FILE...: of the row of a run as report has it; nothing where there is no readable run.
report_column() {
  "$ISOFLOP_BIN/report" "${@:2}" --table runs --format csv 2>report.err |
    python3 -c 'import csv, sys; print(next(csv.DictReader(sys.stdin), {}).get(sys.argv[1], ""))' "$1"
}
