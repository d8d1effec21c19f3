// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/tensor/tensor_view.hpp"

namespace isoflop {

/// out (N) += sums over the rows of in (M, N), of f32, bf16 or f16; rows are added in order, in
/// f32. On the OpenMP threads, each of which takes whole columns.
void add_column_sums(float* out, const TensorView& in);

}  // namespace isoflop
