// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/ops.hpp"

/// What every implementation of Ops demands of its operands: shapes that fit together, contiguous
/// memory, element types. Debug builds abort at the call; release builds do nothing.
namespace isoflop {

void check_embedding(const TensorView& out, const TensorView& tokens, const TensorView& wte,
                     const TensorView& wpe);
void check_linear(const TensorView& out, const TensorView& x, const TensorView& w,
                  const TensorView& bias);
void check_norm(const TensorView& residual, const TensorView& out, const TensorView& stats,
                const TensorView& weight, const TensorView& bias, const NormParams& params);
void check_attention(const TensorView& out, const TensorView& stats, const TensorView& qkv,
                     const AttentionParams& params);
void check_qk_norm(const TensorView& qkv, const TensorView& qk, const TensorView& stats,
                   const QkNormTensors& weights, const AttentionShape& heads,
                   const NormParams& params);
void check_dropout(const TensorView& out, const TensorView& in, const Dropout& params);
void check_rope(const TensorView& qkv, const AttentionShape& heads);
void check_activation(const TensorView& out, const TensorView& in, FfnType ffn);
void check_head_loss(const TensorView& loss_sums, const TensorView& d_x, const TensorView& d_w,
                     const TensorView& logits, const TensorView& x, const TensorView& w,
                     const TensorView& targets);
void check_head_logits(const TensorView& logits, const TensorView& x, const TensorView& w);
void check_statistics(const TensorView& sums, const TensorView& extremes, const TensorView& flat,
                      const TensorView& segments);
void check_adamw(const TensorView& params, const TensorView& m, const TensorView& v,
                 const TensorView& grads, const TensorView& segments, const TensorView& norms);
void check_muon(const TensorView& update, const TensorView& momentum, const TensorView& grad);
void check_apply_updates(const TensorView& params, const TensorView& updates,
                         const TensorView& segments, const TensorView& norms);
void check_same_size(const TensorView& out, const TensorView& in);

}  // namespace isoflop
