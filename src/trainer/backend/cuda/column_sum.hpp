// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/device.hpp"

namespace isoflop {

/// d_bias (N) f32 += column sums of d_out (M, N), in a fixed order. Takes
/// column_sum_scratch_bytes() from the arena.
void add_column_sums(const Exec& exec, TensorView d_bias, TensorView d_out);

}  // namespace isoflop
