#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fits L = E + A / N^alpha + B / D^beta with SciPy's L-BFGS-B from a grid of 4,500 starts (the grid of Hoffmann et al.
2022, appendix D.3, as Besiroglu et al. 2024, arXiv:2404.10102, run it): Huber's loss of ln L with delta 1e-3, summed.

usage: scipy_grid.py TABLE.csv...     (columns N, D, loss; needs numpy and scipy)

Prints the best objective of the published settings and of a polish of the best ten ends with tight tolerances.
"""
import csv
import itertools
import sys

import numpy as np
from scipy.optimize import minimize

DELTA = 1e-3


def objective(theta, log_n, log_d, log_loss, scale):
    a, b, e, alpha, beta = theta
    terms = np.exp([a - alpha * log_n, b - beta * log_d, np.full_like(log_n, e)])
    total = terms.sum(axis=0)
    residual = log_loss - np.log(total)
    inside = np.abs(residual) <= DELTA
    value = np.where(inside, residual**2 / 2, DELTA * (np.abs(residual) - DELTA / 2)).sum()
    slope = -np.clip(residual, -DELTA, DELTA)
    p, q, s = terms / total
    gradient = [slope @ p, slope @ q, slope @ s, -slope @ (p * log_n), -slope @ (q * log_d)]
    return scale * value, scale * np.array(gradient)


def fit(path):
    with open(path, newline="") as table:
        rows = list(csv.DictReader(table))
    data = [np.log([float(row[key]) for row in rows]) for key in ("N", "D", "loss")]
    grid = itertools.product(np.arange(0, 30, 5), np.arange(0, 30, 5), np.arange(-1, 1.5, 0.5),
                             np.arange(0, 2.5, 0.5), np.arange(0, 2.5, 0.5))
    ends = [minimize(objective, start, args=(*data, 1.0), jac=True, method="L-BFGS-B") for start in grid]
    ends.sort(key=lambda end: end.fun)
    tight = {"maxiter": 10000, "maxfun": 100000, "ftol": 1e-15, "gtol": 1e-12, "maxls": 50}
    polished = [minimize(objective, end.x, args=(*data, 1e3), jac=True, method="L-BFGS-B", options=tight) for end in ends[:10]]
    best = min(polished, key=lambda end: end.fun)
    near = sum(end.fun < 1.01 * ends[0].fun for end in ends) / len(ends)
    a, b, e, alpha, beta = best.x
    print(f"{path}: n {len(rows)}; {len(ends)} starts, best {ends[0].fun:.10e}, within 1 % of it {100 * near:.0f} %; polished "
          f"{best.fun / 1e3:.10e}: E {np.exp(e):.5f} A {np.exp(a):.4f} B {np.exp(b):.4f} alpha {alpha:.6f} beta {beta:.6f}")


for name in sys.argv[1:]:
    fit(name)
