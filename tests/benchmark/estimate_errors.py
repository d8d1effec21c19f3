#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Where predictions of published runs are off: errors by what a row says of its run.

usage: estimate_errors.py PREDICTIONS.csv [TEXT]    of `planner estimate RUNS.csv --out PREDICTIONS.csv`; TEXT: in the source
"""
import csv
import math
import sys
from collections import defaultdict

EXPERTS = ("deepseek", "kimi", "qwen3", "gpt-oss", "mixtral")


def time_ratio(row):
    """Predicted over measured seconds of a step; None where the row has tokens/s and seconds neither."""
    if row["tokens_per_s_per_gpu"]:
        return float(row["tokens_per_s_per_gpu"]) / float(row["predicted_tokens_per_s_per_gpu"])
    if row["measured_step_s"]:
        return float(row["predicted_step_s"]) / float(row["measured_step_s"])
    return None


def memory_ratio(row):
    measured = row["measured_peak_mem_gb"]
    return float(row["predicted_peak_mem_gb"]) / float(measured) if measured else None


def is_full(row):
    """Whether the row is predicted and states its batch, so that its time can be compared."""
    return row["predicted_step_s"] and row["global_batch"]


def features(row):
    has_experts = any(name in row["model"].lower() for name in EXPERTS)
    domain = "NVL72" if row["gpu"].startswith("GB") else "nodes of 8"
    yield f"experts, {domain}" if has_experts else f"dense, {domain}"
    yield "fp8" if row["precision"].startswith("fp8") else "16 bits"
    for key, name in (("tp", "tensor"), ("pp", "pipeline"), ("cp", "context")):
        if row[key] not in ("", "1"):
            yield name
    yield f"recompute {row['recompute'] or 'not stated'}"


def line(name, ratios):
    if not ratios:
        return f"{name:<26} {'-':>5} {'-':>9} {'-':>9}"
    error = sum(abs(ratio - 1) for ratio in ratios) / len(ratios)
    bias = math.exp(sum(map(math.log, ratios)) / len(ratios))
    return f"{name:<26} {len(ratios):>5} {100 * error:>8.1f}% {bias:>9.3f}"


def main(path, text=""):
    with open(path, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if is_full(row) and text in row["source"]]
    for title, ratio_of in (("step time", time_ratio), ("peak memory", memory_ratio)):
        by_feature = defaultdict(list)
        for row in rows:
            if ratio_of(row) is not None:
                for feature in ("all", *features(row)):
                    by_feature[feature].append(ratio_of(row))
        print(f"{title:<26} {'rows':>5} {'error':>9} {'bias':>9}")
        for feature in sorted(by_feature):
            print(line(feature, by_feature[feature]))
        print()


if __name__ == "__main__":
    main(*sys.argv[1:])
