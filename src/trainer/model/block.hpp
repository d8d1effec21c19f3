// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"
#include "trainer/backend/ops.hpp"
#include "trainer/model/parameter_source.hpp"

#include <cstdint>

namespace isoflop {

/// One transformer block, pre-norm:
///   x1 = x + delta      a = attention(rope(norm1(x1) Wqkv))      x2 = x1 + a Wo
///   delta' = act(norm2(x2) Win) Wout
/// The sum x2 + delta' is left to the next block's (or the head's) fused residual + norm.

/// A block's parameters, or their gradients, by role; none where the shape has no such tensor.
struct BlockTensors {
  TensorView norm1_weight;    // (C)
  TensorView norm1_bias;      // (C)
  TensorView qkv_weight;      // (qkv_width, C)
  TensorView qkv_bias;        // (qkv_width)
  TensorView out_weight;      // (C, n_head d_head)
  TensorView out_bias;        // (C)
  TensorView norm2_weight;    // (C)
  TensorView norm2_bias;      // (C)
  TensorView ffn_in_weight;   // (ffn_in_width, C)
  TensorView ffn_in_bias;     // (ffn_in_width)
  TensorView ffn_out_weight;  // (C, d_ff)
  TensorView ffn_out_bias;    // (C)
};

/// The roles of a block unit's tensors, in the order of core/model/parameter_list.hpp.
BlockTensors block_tensors(const ModelShape& shape, const UnitLease& lease);

/// What a block saves for its backward pass: core/model/activation_table.hpp.
struct BlockActivations {
  TensorView residual1;      // (B T, C)
  TensorView norm1_stats;    // (B T, 1 or 2) f32
  TensorView norm1;          // (B T, C)
  TensorView qkv;            // (B, T, n_head + 2 n_kv_head, d_head), rotated
  TensorView attention;      // (B, T, n_head, d_head)
  TensorView attention_lse;  // (B, n_head, T) f32
  TensorView residual2;      // (B T, C)
  TensorView norm2_stats;    // (B T, 1 or 2) f32
  TensorView norm2;          // (B T, C)
  TensorView ffn_in;         // (B T, ffn_in_width)
  TensorView ffn_act;        // (B T, d_ff)
};

/// Runs blocks of one shape. Holds no parameters and no activations.
class Block {
 public:
  Block(const ModelShape& shape, Ops& ops, int64_t batch_size, int64_t seq_len)
      : shape_(shape), ops_(ops), B_(batch_size), T_(seq_len) {}

  /// From residual_in (B T, C) and delta (none in the first block) to saved activations; delta_out
  /// (B T, C) may be delta's memory.
  void forward(const Exec& exec, const BlockTensors& params, const BlockActivations& saved,
               TensorView residual_in, TensorView delta, TensorView delta_out) const;
  /// Rebuilds all saved activations from residual1; scratch (B T, C).
  void recompute(const Exec& exec, const BlockTensors& params, const BlockActivations& saved,
                 TensorView scratch) const;
  /// d_residual (B T, C) holds the gradient of x2 + delta' and becomes that of x + delta. Gradients
  /// of parameters are added to.
  void backward(const Exec& exec, const BlockTensors& params, const BlockTensors& grads,
                const BlockActivations& saved, TensorView d_residual) const;

 private:
  void attention_forward(const Exec& exec, const BlockTensors& params,
                         const BlockActivations& saved) const;
  void ffn_forward(const Exec& exec, const BlockTensors& params, const BlockActivations& saved,
                   TensorView attention_out) const;
  void ffn_backward(const Exec& exec, const BlockTensors& params, const BlockTensors& grads,
                    const BlockActivations& saved, TensorView d_residual) const;
  void attention_backward(const Exec& exec, const BlockTensors& params, const BlockTensors& grads,
                          const BlockActivations& saved, TensorView d_residual) const;

  NormParams norm() const { return {shape_.norm, shape_.norm_eps}; }
  AttentionShape heads() const { return {shape_.n_head, shape_.n_kv_head, shape_.d_head}; }
  int64_t rows() const { return B_ * T_; }
  /// A tensor of (B T, columns) in the dtype of `like`.
  TensorView temporary(const Exec& exec, TensorView like, int64_t columns) const {
    return exec.arena.allocate(like.dtype, {rows(), columns});
  }

  const ModelShape& shape_;
  Ops& ops_;
  int64_t B_;
  int64_t T_;
};

}  // namespace isoflop
