// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/tensor/dtype.hpp"

#include <cstddef>
#include <span>

namespace isoflop {

/// Rounds to the nearest value of `dtype` (f64, f32, bf16, f16), ties to even; `out` holds as many
/// elements.
void narrow_elements(std::span<const float> values, DType dtype, std::span<std::byte> out);

/// The values of elements of `dtype` (f32, bf16, f16), exactly; `in` holds as many.
void widen_elements(std::span<const std::byte> in, DType dtype, std::span<float> values);

}  // namespace isoflop
