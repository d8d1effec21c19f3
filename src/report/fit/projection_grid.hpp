// SPDX-License-Identifier: MIT
#pragma once

#include "report/fit/sample.hpp"

#include <array>
#include <vector>

namespace isoflop::fit {

/// Parameters (a, b, e, alpha, beta) of the centred samples.
using ChinchillaStart = std::array<double, 5>;

/// Variable projection: for each alpha and beta of a grid of n x n, A, B and E >= 0 by linear least
/// squares of relative residuals, reweighted once for Huber's loss (Golub and Pereyra 1973; Lawson
/// and Hanson 1974 for the signs). Returns the cells whose loss is below that of all their
/// neighbours, the best first.
std::vector<ChinchillaStart> projected_starts(const SampleView& samples, const WeightView& weights,
                                              std::size_t problem, double delta, int n = 24);

}  // namespace isoflop::fit
