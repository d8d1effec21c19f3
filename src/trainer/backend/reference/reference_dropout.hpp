// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/dropout.hpp"

namespace isoflop {

/// What an element of a micro batch's row (or, in attention, of a query's row of probabilities for
/// head `lane`) is multiplied by: 0 or 1 / (1 - rate); 1 without dropout.
double dropout_factor(const Dropout& dropout, uint32_t lane, int64_t row, int64_t column);

}  // namespace isoflop
