// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/ops.hpp"

/// Kernels on the scores and probabilities (T, T) of one query head, for manual attention.
namespace isoflop::manual_attention {

/// Head h of sequence b.
struct HeadOf {
  int64_t b = 0, h = 0;
};

/// Scores become probabilities, in place: softmax of scale x score over the keys that a query sees,
/// 0 elsewhere.
void softmax(const Exec& exec, TensorView scores, HeadOf head, const AttentionParams& params);
/// dropped = probabilities with elements dropped.
void drop(const Exec& exec, TensorView dropped, TensorView probabilities, HeadOf head,
          const AttentionParams& params);
/// Gradients of the probabilities behind dropout become those of the scores before their scale, in
/// place.
void softmax_backward(const Exec& exec, TensorView gradients, TensorView probabilities, HeadOf head,
                      const AttentionParams& params);
/// out: T rows of d_head elements, `stride` elements apart, in `dtype`; in (T, d_head) f32.
void store_rows(const Exec& exec, void* out, int64_t stride, DType dtype, TensorView in);

}  // namespace isoflop::manual_attention
