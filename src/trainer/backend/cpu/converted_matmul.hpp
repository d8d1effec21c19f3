// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cpu/matmul.hpp"

#include <cstdint>

/// Matrix products of bf16 or f16 as products of f32: blocks of the operands are converted in
/// scratch that stays in cache.
namespace isoflop {

/// What a product of this shape takes; operands that are f32 take nothing.
int64_t converted_matmul_scratch_floats(const CpuMatmulShape& shape);

/// The f32 products are those of `products`.
void run_converted_matmul(MatmulCache& products, const CpuMatmulShape& shape,
                          const CpuMatmulOperands& operands);

}  // namespace isoflop
