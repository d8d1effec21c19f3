# SPDX-License-Identifier: MIT
"""law_loop_test.py SOURCE BIN: the loop from runs to the next plan. Fifteen run files whose losses are those of a known law go
through `report fit --out law.yaml`, and `planner --law` plans by it: the loss it promises is the known law's for its N and D."""
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile

os.environ["HDF5_USE_FILE_LOCKING"] = "FALSE"
import h5py
import numpy

TEXT = "/usr/share/dictd/gcide.dict.dz"
E, A, B, ALPHA, BETA = 1.0, 20.0, 30.0, 0.30, 0.35


def loss(n_params, n_tokens):
    return E + A / n_params**ALPHA + B / n_tokens**BETA


def write_run(stored, path, name, n_params, n_tokens):
    shutil.copy(stored, path)
    os.chmod(path, 0o644)
    with h5py.File(path, "r+") as file:
        for group, key, value in (("/", "run_id", numpy.bytes_(name)), ("/config", "n_params", numpy.int64(n_params))):
            del file[group].attrs[key]
            file[group].attrs[key] = value
        for table in ("/metrics/train", "/metrics/eval"):
            rows = file[table][:]
            rows["tokens"] = rows["step"] * n_tokens // rows["step"][-1]
            rows["loss"] = loss(n_params, rows["tokens"].astype(float))
            file[table][:] = rows


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)}\nended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def best_loss(compute):
    """At the best N, (alpha A / (beta B))^(1 / (alpha + beta)) (C / 6)^(beta / (alpha + beta)) (Hoffmann et al. 2022, equation 4)."""
    n_params = (ALPHA * A / (BETA * B)) ** (1 / (ALPHA + BETA)) * (compute / 6) ** (BETA / (ALPHA + BETA))
    return loss(n_params, compute / 6 / n_params)


def plan_of(source, binaries, folder, *options):
    cluster = source + "/configs/clusters/testbed.yaml"
    run(binaries + "/planner", cluster, "--hours", "0.05", "--seq-len", "64", "--data", folder + "/tokens", "--out", folder + "/plan", "--force", *options)
    with open(folder + "/plan/plan.json", encoding="utf-8") as file:
        return json.load(file)


def check(what, holds):
    if not holds:
        sys.exit(f"not so: {what}")


def main():
    source, binaries = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        runs = []
        for size in range(5):
            for length in range(3):
                name = f"run{size}{length}"
                runs.append(f"{folder}/{name}.h5")
                write_run(source + "/tests/core/run/data/v1.2.h5", runs[-1], name, 100_000 << size, 1_200_000 << (2 * length))
        law_file = folder + "/law.yaml"
        run(binaries + "/report", "fit", *runs, "--bootstrap", "200", "--out", law_file)
        with gzip.open(TEXT) as text, open(folder + "/text.txt", "wb") as copy:
            copy.write(text.read(8_000_000))
        run(binaries + "/tokenize", folder + "/text.txt", "--tokenizer", "bytes", "--documents", "paragraph", "--out", folder + "/tokens")
        plan = plan_of(source, binaries, folder, "--law", law_file)
        other = plan_of(source, binaries, folder)
    n_params, n_tokens = plan["model"]["n_params"], plan["tokens"]["n_tokens"]
    promised, expected = plan["loss"]["loss"], loss(n_params, n_tokens)
    best = best_loss(6 * n_params * n_tokens)
    print(f"N {n_params}, D {n_tokens}: promised {promised:.4f}, the law's {expected:.4f}, the best of that compute {best:.4f}")
    check("the plan goes by the fitted law", plan["loss"]["law"] == "fit")
    check("its loss is that of the law the runs were made by", abs(promised / expected - 1) < 1e-3)
    check("it is near the best of its compute", best <= expected < 1.02 * best)
    check("without the law there is no such promise", other["loss"].get("loss") is None)


main()
