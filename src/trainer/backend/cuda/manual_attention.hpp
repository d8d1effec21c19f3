// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cuda/matmul.hpp"
#include "trainer/backend/ops.hpp"

/// Causal attention by plain matrix products, head by head, with all probabilities kept: slow, for
/// heads of any width.
namespace isoflop::manual_attention {

/// Plans the products and returns the arena bytes that the larger pass takes.
int64_t prepare(MatmulPlans& plans, const AttentionShape& heads, int64_t seq_len, DType compute,
                bool has_dropout);
/// As Ops::attention_forward under the manual backend.
void forward(const Exec& exec, MatmulPlans& plans, TensorView out, TensorView probabilities,
             TensorView qkv, const AttentionParams& params);
/// As Ops::attention_backward under the manual backend.
void backward(const Exec& exec, MatmulPlans& plans, TensorView d_qkv, TensorView scratch,
              TensorView d_out, TensorView qkv, TensorView probabilities,
              const AttentionParams& params);

}  // namespace isoflop::manual_attention
