#!/bin/bash
# SPDX-License-Identifier: MIT
# log_to_wandb_test.sh SOURCE BIN: scripts/log_to_wandb.py hands W&B every iteration and evaluation of an exported run. W&B itself
# is not needed: a module of its name notes the calls.
set -uo pipefail
source=$1 bin=$2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

cat >wandb.py <<'PY'
import json


class Run:
    def __init__(self, **arguments):
        self.calls = {"init": arguments, "metrics": [], "log": []}
        self.summary = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        json.dump({**self.calls, "summary": self.summary}, open("calls.json", "w"))

    def define_metric(self, name, step_metric=None):
        self.calls["metrics"].append([name, step_metric])

    def log(self, values, step):
        self.calls["log"].append([step, values])


init = Run
PY

"$bin/report" export "$source/tests/core/run/data/v1.2.h5" --json --out run.json || exit 1
PYTHONPATH=$work python3 "$source/scripts/log_to_wandb.py" run.json --project p || exit 1
python3 - <<'PY'
import json

run = json.load(open("run.json"))
calls = json.load(open("calls.json"))
logged = dict(calls["log"])
assert calls["init"]["project"] == "p" and calls["init"]["name"] == run["run_name"]
assert calls["init"]["config"]["startup_info"] == run["startup_info"]
assert ["*", "iter"] in calls["metrics"]
assert run["training_iterations"] and run["eval_steps"], "the sample says nothing"
steps = [step for step, _ in calls["log"]]
assert steps == sorted(set(steps)), "W&B takes ascending steps only"
for iteration in run["training_iterations"]:
    row = logged[iteration["iter"]]
    assert row.get("loss") == iteration["loss"]
    assert row.get("mfu/mfu_percent") == iteration["mfu"]["mfu_percent"]
    assert row.get("memory/peak_gb") == iteration["memory"]["peak_gb"]
    assert None not in row.values()
for evaluation in run["eval_steps"]:
    assert logged[evaluation["iter"]].get(f"eval/{evaluation['set']}_loss") == evaluation["loss"]
assert calls["summary"]["summary/iterations"] == run["summary"]["iterations"]
PY
