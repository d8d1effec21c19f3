#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Logs a run to Weights & Biases (needs `pip install wandb`) from the document that report writes:

    report export runs/NAME.s*.h5 --json --out NAME.json && log_to_wandb.py NAME.json --project PROJECT

One W&B run with the run's name, configuration, every iteration and evaluation by `iter`, and the summary. W&B's own
environment holds: WANDB_MODE=offline keeps it on this machine for `wandb sync`."""
import argparse
import json

import wandb


def flat(values, prefix=""):
    """{"mfu": {"mfu_percent": 41}} as {"mfu/mfu_percent": 41}; what was not recorded is left out."""
    row = {}
    for key, value in values.items():
        if isinstance(value, dict):
            row.update(flat(value, f"{prefix}{key}/"))
        elif value is not None:
            row[prefix + key] = value
    return row


def rows(document):
    """Iterations with the evaluations made after them, by ascending iter; an evaluation may precede all iterations."""
    by_iter = {}
    for iteration in document["training_iterations"]:
        by_iter[iteration["iter"]] = flat(iteration)
    for evaluation in document["eval_steps"]:
        row = by_iter.setdefault(evaluation["iter"], {"iter": evaluation["iter"], "tokens": evaluation["tokens"]})
        if evaluation["loss"] is not None:
            row[f"eval/{evaluation['set']}_loss"] = evaluation["loss"]
    return [by_iter[step] for step in sorted(by_iter)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("document", metavar="RUN.json")
    parser.add_argument("--project", default="isoflop", help="default: isoflop")
    options = parser.parse_args()
    with open(options.document, encoding="utf-8") as file:
        document = json.load(file)
    config = {**(document["config"] or {}), "startup_info": document["startup_info"]}
    with wandb.init(project=options.project, name=document["run_name"], config=config) as run:
        run.define_metric("iter")
        run.define_metric("*", step_metric="iter")
        for row in rows(document):
            run.log(row, step=row["iter"])
        run.summary.update(flat(document["summary"], "summary/"))


if __name__ == "__main__":
    main()
