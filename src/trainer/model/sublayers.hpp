// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/model/block.hpp"

namespace isoflop {

/// The two sub-layers of a block, without the norms and residual sums around them:
///   attention(x) = drop(attend(rope(qk_norm(x Wqkv))) Wo)      ffn(x) = drop(act(x Win) Wout)
/// with the hooks of tensor_parallel.hpp in front of x and behind the last product.
class Sublayers {
 public:
  Sublayers(const ModelShape& shape, Ops& ops, TensorParallel& hooks)
      : shape_(shape), ops_(ops), hooks_(hooks) {}

  /// input, out (B T, C).
  void attention_forward(const Exec& exec, const BlockTensors& params,
                         const BlockActivations& saved, TensorView input, TensorView out,
                         const LayerContext& context) const;
  /// d_input (B T, C) = gradient of the input given d_out; d_input may be d_out's memory.
  void attention_backward(const Exec& exec, const BlockTensors& params, const BlockTensors& grads,
                          const BlockActivations& saved, TensorView input, TensorView d_input,
                          TensorView d_out, const LayerContext& context) const;
  /// saved.ffn_in and saved.ffn_act from input.
  void ffn_hidden(const Exec& exec, const BlockTensors& params, const BlockActivations& saved,
                  TensorView input, const LayerContext& context) const;
  /// out from saved.ffn_act.
  void ffn_out(const Exec& exec, const BlockTensors& params, const BlockActivations& saved,
               TensorView out, const LayerContext& context) const;
  /// As attention_backward.
  void ffn_backward(const Exec& exec, const BlockTensors& params, const BlockTensors& grads,
                    const BlockActivations& saved, TensorView input, TensorView d_input,
                    TensorView d_out, const LayerContext& context) const;

  /// Of `parts`, attention from saved.qkv and activations from saved.ffn_in.
  void recompute(const Exec& exec, BlockParts parts, const BlockActivations& saved,
                 const LayerContext& context) const;

  /// out = norm(residual), residual = in + delta.
  void norm(const Exec& exec, TensorView residual, TensorView out, TensorView stats, TensorView in,
            TensorView delta, TensorView weight, TensorView bias) const {
    ops_.residual_norm_forward(exec, residual, out, stats, in, delta, weight, bias, norm_params());
  }
  /// out = norm(residual), as `norm` left it.
  void norm_again(const Exec& exec, TensorView residual, TensorView out, TensorView stats,
                  TensorView weight, TensorView bias) const {
    norm(exec, residual, out, stats, residual, TensorView(), weight, bias);
  }
  void norm_backward(const Exec& exec, TensorView d_residual, TensorView d_weight,
                     TensorView d_bias, TensorView d_out, TensorView residual, TensorView stats,
                     TensorView weight) const {
    ops_.norm_backward(exec, d_residual, d_weight, d_bias, d_out, residual, stats, weight,
                       norm_params());
  }
  /// A tensor of the rows and dtype of `like`, (rows, columns).
  TensorView temporary(const Exec& exec, TensorView like, int64_t columns) const {
    return exec.arena.allocate(like.dtype, {like.extent(0), columns});
  }
  Ops& ops() const { return ops_; }
  int64_t d_model() const { return shape_.d_model; }

 private:
  NormParams norm_params() const { return {shape_.norm, shape_.norm_eps}; }
  AttentionShape heads() const { return {shape_.n_head, shape_.n_kv_head, shape_.d_head}; }
  AttentionParams attention(const LayerContext& context) const {
    return {heads(), shape_.attention_backend, context.dropout.probabilities, context.first_keys};
  }
  /// saved.attention and saved.attention_stats from saved.qkv.
  void attend(const Exec& exec, const BlockActivations& saved, const LayerContext& context) const;
  /// saved.ffn_act from saved.ffn_in.
  void activate(const Exec& exec, const BlockActivations& saved) const;
  /// out = drop(hidden weight^T + bias), a sub-layer's exit.
  void project_out(const Exec& exec, TensorView out, TensorView hidden, TensorView weight,
                   TensorView bias, const Dropout& dropout) const;
  /// d_in (B T, ffn_in_width) = gradient of saved.ffn_in, given that of the last product.
  void activation_backward(const Exec& exec, const BlockTensors& params,
                           const BlockActivations& saved, TensorView d_in,
                           TensorView d_branch) const;
  /// The gradient of the product in project_out, in scratch of its own where something is dropped.
  TensorView project_out_backward(const Exec& exec, TensorView d_out, const Dropout& dropout) const;
  /// Where a product's weight and bias have their gradients.
  struct LinearGradients {
    TensorView weight;
    TensorView bias;
    Accumulate into_weight;
  };
  /// Gradients of a sub-layer's first product, given that of its result.
  void project_in_backward(const Exec& exec, TensorView d_input, const LinearGradients& grads,
                           TensorView d_hidden, TensorView input, TensorView weight) const;

  const ModelShape& shape_;
  Ops& ops_;
  TensorParallel& hooks_;
};

}  // namespace isoflop
