// SPDX-License-Identifier: MIT
#pragma once

#include "report/fit/sample.hpp"

#include <span>

namespace isoflop::fit {

/// Counts of one row a problem, `n_column` to a row, for kernels.
WeightView to_weights(std::span<const float> counts, std::size_t n_column);

}  // namespace isoflop::fit
