// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/precision.hpp"
#include "core/model/model_shape.hpp"
#include "core/parallel/optimizer_state.hpp"

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

/// Rows of dropped probabilities that manual attention holds at a time.
inline constexpr int64_t kDroppedRows = 64;

/// What attention takes of the arena on a CPU beside its matrix products: in 2-byte precisions f32
/// sums of gradients (of one sequence; under the manual backend of the keys and values that heads
/// share), under the manual backend rows of dropped probabilities.
int64_t cpu_attention_bytes(const ModelShape& shape, int64_t seq_len, Precision precision);

/// The most that one op takes of the arena on a CPU. In 2-byte precisions: the blocks of products
/// that are converted to f32, whether this processor needs them or not, beside what manual
/// attention takes; or what tiled attention takes.
int64_t cpu_scratch_bytes(const ModelShape& shape, int64_t seq_len, Precision precision);

/// What the update takes of the arena: for the largest matrix of Muon a copy and two Gram matrices
/// of its smaller side; nothing for AdamW.
int64_t cpu_update_scratch_bytes(const ModelShape& shape, OptimizerKind optimizer);

}  // namespace isoflop
