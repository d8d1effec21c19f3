#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Time and memory of report on 1,000 runs of 10,000 steps and on one run of 10 million: wall time, processor time of report and
# of the child that tries files first, and the larger one's peak of resident memory. The files are read once before, so that
# the disk is not measured. Fails above 500 MB, and above 100 MB for the long run.
# Build before: ninja -C build report isoflop_write_run_files
# usage: report_benchmark.sh BUILD_DIR [FOLDER]     FOLDER: where the files stay (2.1 GB) [a new one, removed at the end]
set -euo pipefail
build=$(realpath "$1")
work=${2:-}
if [ -z "$work" ]; then
  work=$(mktemp -d /tmp/isoflop-report.XXXXXX)
  trap 'rm -rf "${work:?}"' EXIT
fi

# files NAME RUNS STEPS
files() { [ -d "$work/$1" ] || "$build/tests/bin/isoflop_write_run_files" "$work/$1" "$2" "$3"; }

# usage_of COMMAND...: wall seconds, processor seconds and peak in MB of it and its children.
usage_of() {
  python3 - "$@" <<'PY'
import resource, subprocess, sys, time
began = time.monotonic()
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
wall = time.monotonic() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"{wall:.2f} {used.ru_utime + used.ru_stime:.2f} {used.ru_maxrss // 1000}")
PY
}

# measure NAME LIMIT_MB
measure() {
  local wall processor mb
  cat "$work/$1"/*.h5 >/dev/null
  read -r wall processor mb < <(usage_of "$build/bin/report" "$work/$1"/*.h5)
  printf '%-5s wall %5.2f s   processor %5.2f s   peak %4d MB\n' "$1" "$wall" "$processor" "$mb"
  [ "$mb" -le "$2" ] || { echo "report_benchmark.sh: $1 needs more than $2 MB" >&2; exit 1; }
}

files many 1000 10000
files long 1 10000000
for _ in 1 2 3; do measure many 500; done
for _ in 1 2 3; do measure long 100; done
