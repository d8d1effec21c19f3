// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"
#include "core/model/recompute.hpp"
#include "trainer/backend/ops.hpp"
#include "trainer/model/parameter_source.hpp"
#include "trainer/model/tensor_parallel.hpp"

#include <memory>

namespace isoflop {

/// A block's parameters, or their gradients, by role; none where the shape has no such tensor.
struct BlockTensors {
  TensorView norm1_weight;                           // (C)
  TensorView norm1_bias;                             // (C)
  TensorView qkv_weight;                             // (qkv_width, C)
  TensorView qkv_bias;                               // (qkv_width)
  QkNormTensors qk_norm;                             // (d_head)
  TensorView out_weight;                             // (C, n_head d_head)
  TensorView out_bias;                               // (C)
  TensorView norm2_weight;                           // (C)
  TensorView norm2_bias;                             // (C)
  TensorView ffn_in_weight;                          // (ffn_in_width, C)
  TensorView ffn_in_bias;                            // (ffn_in_width)
  TensorView ffn_out_weight;                         // (C, d_ff)
  TensorView ffn_out_bias;                           // (C)
  Accumulate accumulate_matrices = Accumulate::yes;  ///< as in UnitLease
};

/// The roles of a block unit's tensors, in the order of core/model/parameter_list.hpp.
BlockTensors block_tensors(const ModelShape& shape, const UnitLease& lease);

/// What a block saves for its backward pass: core/model/activation_table.hpp.
struct BlockActivations {
  TensorView input;            // (B T, C); post-norm only
  TensorView qkv;              // (B, T, n_head + 2 n_kv_head, d_head), normed and rotated
  TensorView qk;               // (B T, n_head + n_kv_head, d_head), with qk_norm
  TensorView qk_stats;         // (B T, n_head + n_kv_head, 1 or 2) f32, with qk_norm
  TensorView attention;        // (B, T, n_head, d_head)
  TensorView attention_stats;  // (B, n_head, T) f32; manual attention: (B, n_head, T, T)
  TensorView residual1;        // (B T, C), what norm1 reads
  TensorView norm1_stats;      // (B T, 1 or 2) f32
  TensorView norm1;            // (B T, C)
  TensorView residual2;        // (B T, C), what norm2 reads
  TensorView norm2_stats;      // (B T, 1 or 2) f32
  TensorView norm2;            // (B T, C); post-norm: the next block's input or the head's
  TensorView ffn_in;           // (B T, ffn_in_width)
  TensorView ffn_act;          // (B T, d_ff)
};

/// The residual stream between blocks: residual + delta, where the sum is left to the next norm.
struct ResidualStream {
  TensorView residual;  // (B T, C)
  TensorView delta;     // (B T, C) or none
};

/// What a layer drops; all off in evaluation.
struct LayerDropout {
  Dropout probabilities;
  Dropout attention;
  Dropout ffn;
};

/// What a layer of a micro batch takes besides parameters and activations.
struct LayerContext {
  LayerDropout dropout;
  BlockParts rerun = {};       ///< what backward runs again of what the block saves
  TensorView first_keys = {};  ///< as in AttentionParams
};

/// Runs blocks of one shape; holds no parameters and no activations.
class Block {
 public:
  virtual ~Block() = default;

  /// From the stream entering the block to output(saved, delta), the one leaving it; fills `saved`.
  /// A pre-norm block leaves its delta in `delta` (B T, C), which may be in.delta; a post-norm
  /// block uses it as scratch.
  virtual void forward(const Exec& exec, const BlockTensors& params, const BlockActivations& saved,
                       const ResidualStream& in, TensorView delta,
                       const LayerContext& context) const = 0;
  virtual ResidualStream output(const BlockActivations& saved, TensorView delta) const = 0;
  /// Rebuilds the saved activations of `parts` (core/model/activation_table.hpp) from the others,
  /// bit for bit as forward left them; scratch (B T, C).
  virtual void recompute(const Exec& exec, BlockParts parts, const BlockTensors& params,
                         const BlockActivations& saved, TensorView scratch,
                         const LayerContext& context) const = 0;
  /// d_stream (B T, C) holds the gradient of the stream leaving the block and becomes that of the
  /// stream entering it. Gradients of parameters are added to.
  virtual void backward(const Exec& exec, const BlockTensors& params, const BlockTensors& grads,
                        const BlockActivations& saved, TensorView d_stream,
                        const LayerContext& context) const = 0;
};

/// The block of the shape's norm_position; keeps references to shape, ops and hooks.
std::unique_ptr<Block> make_block(const ModelShape& shape, Ops& ops, TensorParallel& hooks);

}  // namespace isoflop
