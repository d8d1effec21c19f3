# SPDX-License-Identifier: MIT
"""run_file_readers_test.py SOURCE BIN: h5py, pandas and h5dump (Debian's) read a run file as src/core/run/RUN_SCHEMA.md
says, and agree with `report export`; copies that do not hold to it are found out."""
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

os.environ["HDF5_USE_FILE_LOCKING"] = "FALSE"
import h5py
import pandas

TABLES = ["/metrics/train", "/metrics/gradients", "/metrics/eval", "/system", "/checkpoints", "/events"]
FLOATS = [
    *("loss", "lr", "grad_norm", "step_s", "data_s", "forward_s", "backward_s", "comm_s", "optimizer_s"),
    *("tokens_per_s", "tflops", "mfu", "mem_allocated_gib", "mem_peak_gib", "mem_reserved_gib"),
    *("loss_mean", "loss_var", "loss_scale"),
]
# Format 1.2 as the stored file has it: z_loss came later and may follow.
TRAIN = {"step": "int64", "time": "float64", "tokens": "int64", **dict.fromkeys(FLOATS, "float32"), "flags": "uint32"}
DDL = {"int64": "H5T_STD_I64LE", "float64": "H5T_IEEE_F64LE", "float32": "H5T_IEEE_F32LE", "uint32": "H5T_STD_U32LE"}


class Problems(list):
    def check(self, what, holds):
        if not holds:
            self.append(what)


def run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def check_h5py(problems, path):
    with h5py.File(path, "r") as file:
        problems.check("format", file.attrs["format"] in ("isoflop-run", b"isoflop-run"))
        problems.check("format_version 1.x", re.match(r"(b')?1\.", str(file.attrs["format_version"])))
        for group in ("config", "layout", "hardware", "flops", "metrics"):
            problems.check(f"group /{group}", group in file)
        for name in TABLES:
            check_table(problems, name, file[name])
        steps = file["/metrics/train"]["step"]
        problems.check("steps ascend from 1 on", all(b > a for a, b in zip([0, *steps], steps)) and len(steps) > 0)
        problems.check("/config: n_params is an integer", int(file["config"].attrs["n_params"]) > 0)
        for dataset in ("/ranks/step", "/ranks/step_s"):
            problems.check(f"{dataset}: units", "units" in file[dataset].attrs)
        kinds = h5py.check_enum_dtype(file["/events"].dtype["kind"])
        problems.check("events have their kinds by name", "spike" in kinds)
        problems.check("the configuration is text", bytes(file["/config/yaml"][:]).decode().strip() != "")


def check_table(problems, name, table):
    names = table.dtype.names
    problems.check(f"{name}: description", "description" in table.attrs)
    problems.check(f"{name}: a unit for each column", len(table.attrs["units"]) == len(names))
    problems.check(f"{name}: a long name for each column", len(table.attrs["long_name"]) == len(names))
    problems.check(f"{name}: a column 'time'", "time" in names)
    problems.check(f"{name}: no filters", table.compression is None)
    problems.check(f"{name}: no padding", table.dtype.itemsize == sum(table.dtype[n].itemsize for n in names))


def check_pandas(problems, path, report):
    with h5py.File(path, "r") as file:
        frame = pandas.DataFrame(file["/metrics/train"][:])
    types = {column: str(frame[column].dtype) for column in frame.columns}
    problems.check("pandas: columns of /metrics/train and their types", list(TRAIN.items()) == list(types.items())[: len(TRAIN)])
    csv = pandas.read_csv(io.StringIO(run(report, "export", path, "--csv")))
    problems.check("export --csv: an iteration a row", list(csv["iter"]) == list(frame["step"]))
    problems.check("export --csv: losses", csv["loss"].astype("float32").equals(frame["loss"]))
    times = frame["step_s"] * 1e3
    problems.check("export --csv: times", times.notna().any() and (csv["time_ms"] - times).abs().max() < 1e-3)
    document = json.loads(run(report, "export", path, "--json"))
    normal = pandas.json_normalize(document["training_iterations"])
    extra = {"validation_loss", "test_loss"}
    columns = {column for column in normal.columns if "per_layer" not in column}
    problems.check("export: the same columns in CSV and JSON", columns == {c for c in csv.columns if "per_layer" not in c} - extra)


def check_h5dump(problems, path):
    text = run("h5dump", "--dataset=/metrics/train", "--count=1", path)
    members = [(name, ddl) for ddl, name in re.findall(r'(H5T_\w+) "(\w+)";', text)]
    problems.check("h5dump: members of /metrics/train", members[: len(TRAIN)] == [(n, DDL[t]) for n, t in TRAIN.items()])
    problems.check("h5dump: rows are unlimited", re.search(r"\( \d+ \) / \( H5S_UNLIMITED \)", text))
    problems.check("h5dump: the first step is 1", re.search(r"\(0\): \{\s*1,", text))
    header = run("h5dump", "--header", path)
    for name in TABLES:
        problems.check(f"h5dump: {name}", f'DATASET "{name.rsplit("/", 1)[-1]}"' in header)


def problems_of(path, report):
    problems = Problems()
    check_h5py(problems, path)
    check_pandas(problems, path, report)
    check_h5dump(problems, path)
    return problems


def write_killed(source, target):
    """A copy made while a writer had the file open for live readers: what kill -9 leaves."""
    shutil.copy(source, target + ".live")
    os.chmod(target + ".live", 0o644)
    with h5py.File(target + ".live", "r+", libver="latest") as file:
        file.swmr_mode = True
        shutil.copy(target + ".live", target)


def opens(path, **how):
    try:
        with h5py.File(path, "r", **how) as file:
            return len(file["/metrics/train"]) > 0
    except OSError:
        return False


def main():
    source, binaries = sys.argv[1:]
    report = binaries + "/report"
    stored = source + "/tests/core/run/data/v1.2.h5"
    failures = [f"{stored}: not as the schema says: {problem}" for problem in problems_of(stored, report)]
    with tempfile.TemporaryDirectory() as folder:
        damaged = folder + "/damaged.h5"
        shutil.copy(stored, damaged)
        os.chmod(damaged, 0o644)
        with h5py.File(damaged, "r+") as file:
            del file["/metrics/train"].attrs["description"]
        if problems_of(damaged, report) != ["/metrics/train: description"]:
            failures.append("a file without a description passed")
        killed = folder + "/killed.h5"
        write_killed(stored, killed)
        if opens(killed) or not opens(killed, swmr=True, libver="latest"):
            failures.append("a killed writer's file: not as 'Reading it elsewhere' says")
        run(report, "export", killed, "--json")
        repaired = folder + "/repaired.h5"
        run(report, "repair", killed, "-o", repaired)
        if not opens(repaired):
            failures.append("a repaired file: h5py does not open it")
    print("\n".join(failures))
    sys.exit(1 if failures else 0)


main()
