// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/ops.hpp"

/// Causal attention by kernels of our own: online softmax, memory linear in T, fixed order of
/// sums. For what cuDNN's flash kernels do not take (f32, dropout, other widths of heads); slower
/// than those by far.
namespace isoflop::tiled_attention {

/// Throws ConfigError for heads wider than kTiledMaxHead.
void check_shape(const AttentionShape& heads);

/// As Ops::attention_forward.
void forward(const Exec& exec, TensorView out, TensorView lse, TensorView qkv,
             const AttentionParams& params);
/// As Ops::attention_backward.
void backward(const Exec& exec, TensorView d_qkv, TensorView row_sum, TensorView d_out,
              TensorView qkv, TensorView out, TensorView lse, const AttentionParams& params);

}  // namespace isoflop::tiled_attention
