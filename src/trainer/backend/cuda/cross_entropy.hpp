// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/ops.hpp"

#include <cstdint>

namespace isoflop {

/// Rows of logits with their targets, and where their losses go.
struct CrossEntropyRows {
  float* losses = nullptr;           ///< (n) -log p(target); 0 for skipped rows
  float* z_losses = nullptr;         ///< (n) z-losses; 0 for skipped rows
  float* logits = nullptr;           ///< (n, V), `stride` elements between rows
  const int32_t* targets = nullptr;  ///< (n) within [0, V), or negative: skipped
  int64_t n = 0;
  int64_t vocab_size = 0;
  int64_t stride = 0;
};

/// Enqueues the losses; logits stay as they are.
void cross_entropy(const Exec& exec, const CrossEntropyRows& rows, const HeadLossParams& params);

/// Enqueues the losses and turns logits into their gradient (Ops::head_loss), f32 or a 2-byte type,
/// in the same memory: each row of gradients starts where its row of logits did, so that 2-byte
/// ones fill the first half of it. Skipped rows have gradient 0.
void cross_entropy_with_gradient(const Exec& exec, const CrossEntropyRows& rows, DType gradient,
                                 const HeadLossParams& params);

/// Elements between rows of gradients in the memory of f32 logits with so many between theirs.
constexpr int64_t gradient_row_stride(DType gradient, int64_t logits_stride) {
  return logits_stride * size_of(DType::f32) / size_of(gradient);
}

/// Enqueues loss_sums (2) f64 += sums over the rows of losses (2, n), in a fixed order.
void add_losses(const Exec& exec, double* loss_sums, const float* losses, int64_t n);

}  // namespace isoflop
