# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced by tests; needs ISOFLOP_BIN.

# report_column KEY FILE...: of the row of a run as report has it; nothing where there is no readable run. Columns are counted from
# the right: texts with commas stand on the left.
report_column() {
  "$ISOFLOP_BIN/report" "${@:2}" --table runs --format csv 2>report.err |
    awk -F, -v key="$1" 'NR == 1 { from_right = -1; for (i = 1; i <= NF; ++i) if ($i == key) from_right = NF - i }
                         NR == 2 && from_right >= 0 { print $(NF - from_right) }'
}
