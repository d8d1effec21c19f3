// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/precision.hpp"

#include <cstdint>

namespace isoflop {

/// Blocks of a matrix product (rows, depth) (depth, cols) whose operands are converted to f32: 2 to
/// 4 MiB each, large enough that converting is a tenth of the product's time.
inline constexpr int64_t kConvertedRows = 512;
inline constexpr int64_t kConvertedCols = 1024;
inline constexpr int64_t kConvertedDepth = 1024;
/// The most f32 that one takes: a block of each operand and of the bias.
inline constexpr int64_t kConvertedProductFloats = kConvertedRows * kConvertedDepth +
                                                   kConvertedDepth * kConvertedCols +
                                                   kConvertedRows * kConvertedCols + kConvertedCols;

/// The most that one op takes of the arena on a CPU: in 2-byte precisions the blocks of products
/// that are converted to f32, whether this processor needs them or not; nothing in fp32.
int64_t cpu_scratch_bytes(Precision precision);

}  // namespace isoflop
