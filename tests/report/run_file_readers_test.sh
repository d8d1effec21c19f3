#!/bin/bash
# SPDX-License-Identifier: MIT
# run_file_readers_test.sh FILE: h5py (Debian's python3-h5py) reads a run file as src/core/run/RUN_SCHEMA.md says, and
# a copy without a description is found out.
set -uo pipefail
copy=$(mktemp) || exit 1
trap 'rm -f "$copy"' EXIT

reads_as_the_schema_says() {
  /usr/bin/python3 - "$1" <<'PY'
import sys

import h5py

path = sys.argv[1]
problems = []


def check(what, holds):
    if not holds:
        problems.append(what)


with h5py.File(path, "r", locking=False) as run:
    check("format", run.attrs["format"] in ("isoflop-run", b"isoflop-run"))
    check("format_version 1.x", str(run.attrs["format_version"]).lstrip("b'").startswith("1."))
    for group in ("config", "layout", "hardware", "flops", "metrics"):
        check(f"group /{group}", group in run)
    tables = ["/metrics/train", "/metrics/gradients", "/metrics/eval", "/system", "/checkpoints", "/events"]
    for name in tables:
        table = run[name]
        check(f"{name}: description", "description" in table.attrs)
        names = table.dtype.names
        check(f"{name}: a unit for each column", len(table.attrs["units"]) == len(names))
        check(f"{name}: a long name for each column", len(table.attrs["long_name"]) == len(names))
        check(f"{name}: a column 'time'", "time" in names)
        check(f"{name}: no filters", table.compression is None)
        check(f"{name}: no padding", table.dtype.itemsize == sum(table.dtype[n].itemsize for n in names))
    train = run["/metrics/train"][:]
    check("rows of /metrics/train", len(train) > 0)
    check("steps ascend from 1 on", all(b > a for a, b in zip([0, *train["step"]], train["step"])))
    check("/config: n_params is an integer", int(run["config"].attrs["n_params"]) > 0)
    for dataset in ("/ranks/step", "/ranks/step_s"):
        check(f"{dataset}: units", "units" in run[dataset].attrs)
    check("events have their kinds by name", "spike" in h5py.check_enum_dtype(run["/events"].dtype["kind"]))
    check("the configuration is text", bytes(run["/config/yaml"][:]).decode().strip() != "")

for problem in problems:
    print(f"{path}: not as the schema says: {problem}")
sys.exit(1 if problems else 0)
PY
}

reads_as_the_schema_says "$1" || exit 1
cp "$1" "$copy" && chmod u+w "$copy"
/usr/bin/python3 -c 'import sys, h5py
with h5py.File(sys.argv[1], "r+", locking=False) as run:
    del run["/metrics/train"].attrs["description"]' "$copy" || exit 1
if reads_as_the_schema_says "$copy" >/dev/null; then
  echo "a file without a description passed"
  exit 1
fi
