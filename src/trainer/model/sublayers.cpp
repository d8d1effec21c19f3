// SPDX-License-Identifier: MIT
#include "trainer/model/sublayers.hpp"

namespace isoflop {
namespace {

/// (B, T, heads, d_head) as (B T, heads d_head).
TensorView as_rows(TensorView tensor) {
  const int64_t rows = tensor.extent(0) * tensor.extent(1);
  return tensor.reshaped({rows, tensor.size() / rows});
}

}  // namespace

void Sublayers::attention_forward(const Exec& exec, const BlockTensors& params,
                                  const BlockActivations& saved, TensorView input, TensorView out,
                                  const LayerContext& context) const {
  const Arena::Scope scope(exec.arena);
  ops_.linear_forward(exec, as_rows(saved.qkv), hooks_.gather(exec, input), params.qkv_weight,
                      params.qkv_bias);
  if (shape_.qk_norm)
    ops_.qk_norm_forward(exec, saved.qkv, saved.qk, saved.qk_stats, params.qk_norm, heads(),
                         norm_params());
  if (shape_.position == PositionEncoding::rope)
    ops_.rope(exec, saved.qkv, heads(), shape_.rope_theta, RopeDirection::forward);
  attend(exec, saved, context);
  project_out(exec, out, as_rows(saved.attention), params.out_weight, params.out_bias,
              context.dropout.attention);
}

void Sublayers::attend(const Exec& exec, const BlockActivations& saved,
                       const LayerContext& context) const {
  ops_.attention_forward(exec, saved.attention, saved.attention_stats, saved.qkv,
                         attention(context));
}

void Sublayers::attention_backward(const Exec& exec, const BlockTensors& params,
                                   const BlockTensors& grads, const BlockActivations& saved,
                                   TensorView input, TensorView d_input, TensorView d_out,
                                   const LayerContext& context) const {
  const Arena::Scope scope(exec.arena);
  const TensorView d_attention = exec.arena.allocate(saved.attention.dtype, saved.attention.shape);
  const TensorView d_qkv = exec.arena.allocate(saved.qkv.dtype, saved.qkv.shape);
  const TensorView scratch =
      exec.arena.allocate(saved.attention_stats.dtype, saved.attention_stats.shape);
  const TensorView d_branch = project_out_backward(exec, d_out, context.dropout.attention);
  ops_.linear_backward_input(exec, as_rows(d_attention), d_branch, params.out_weight);
  ops_.linear_backward_weight(exec, grads.out_weight, grads.out_bias, d_branch,
                              as_rows(saved.attention), grads.accumulate_matrices);
  ops_.attention_backward(exec, d_qkv, scratch, d_attention, saved.qkv, saved.attention,
                          saved.attention_stats, attention(context));
  if (shape_.position == PositionEncoding::rope)
    ops_.rope(exec, d_qkv, heads(), shape_.rope_theta, RopeDirection::backward);
  if (shape_.qk_norm)
    ops_.qk_norm_backward(exec, d_qkv, grads.qk_norm, saved.qk, saved.qk_stats, params.qk_norm,
                          heads(), norm_params());
  project_in_backward(exec, d_input, {grads.qkv_weight, grads.qkv_bias, grads.accumulate_matrices},
                      as_rows(d_qkv), input, params.qkv_weight);
}

void Sublayers::ffn_hidden(const Exec& exec, const BlockTensors& params,
                           const BlockActivations& saved, TensorView input,
                           const LayerContext& context) const {
  const Arena::Scope scope(exec.arena);
  const TensorView x = hooks_.gather(exec, input);
  if (shape_.ffn == FfnType::standard && !context.rerun.has_alone(BlockPart::activations))
    return ops_.linear_activation_forward(exec, saved.ffn_act, saved.ffn_in, x,
                                          params.ffn_in_weight, params.ffn_in_bias,
                                          shape_.activation);
  ops_.linear_forward(exec, saved.ffn_in, x, params.ffn_in_weight, params.ffn_in_bias);
  activate(exec, saved);
}

void Sublayers::activate(const Exec& exec, const BlockActivations& saved) const {
  ops_.activation_forward(exec, saved.ffn_act, saved.ffn_in, shape_.activation, shape_.ffn);
}

void Sublayers::recompute(const Exec& exec, BlockParts parts, const BlockActivations& saved,
                          const LayerContext& context) const {
  if (parts.has(BlockPart::attention)) attend(exec, saved, context);
  if (parts.has(BlockPart::activations)) activate(exec, saved);
}

void Sublayers::ffn_out(const Exec& exec, const BlockTensors& params, const BlockActivations& saved,
                        TensorView out, const LayerContext& context) const {
  project_out(exec, out, saved.ffn_act, params.ffn_out_weight, params.ffn_out_bias,
              context.dropout.ffn);
}

void Sublayers::ffn_backward(const Exec& exec, const BlockTensors& params,
                             const BlockTensors& grads, const BlockActivations& saved,
                             TensorView input, TensorView d_input, TensorView d_out,
                             const LayerContext& context) const {
  const Arena::Scope scope(exec.arena);
  const TensorView d_in = temporary(exec, saved.ffn_in, shape_.ffn_in_width());
  const TensorView d_branch = project_out_backward(exec, d_out, context.dropout.ffn);
  ops_.linear_backward_weight(exec, grads.ffn_out_weight, grads.ffn_out_bias, d_branch,
                              saved.ffn_act, grads.accumulate_matrices);
  activation_backward(exec, params, saved, d_in, d_branch);
  project_in_backward(exec, d_input,
                      {grads.ffn_in_weight, grads.ffn_in_bias, grads.accumulate_matrices}, d_in,
                      input, params.ffn_in_weight);
}

void Sublayers::activation_backward(const Exec& exec, const BlockTensors& params,
                                    const BlockActivations& saved, TensorView d_in,
                                    TensorView d_branch) const {
  if (shape_.ffn == FfnType::standard)
    return ops_.linear_activation_backward(exec, d_in, d_branch, params.ffn_out_weight,
                                           saved.ffn_in, shape_.activation);
  const Arena::Scope scope(exec.arena);
  const TensorView d_act = temporary(exec, saved.ffn_act, shape_.d_ff);
  ops_.linear_backward_input(exec, d_act, d_branch, params.ffn_out_weight);
  ops_.activation_backward(exec, d_in, d_act, saved.ffn_in, shape_.activation, shape_.ffn);
}

void Sublayers::project_out(const Exec& exec, TensorView out, TensorView hidden, TensorView weight,
                            TensorView bias, const Dropout& dropout) const {
  const Arena::Scope scope(exec.arena);
  const TensorView partial = hooks_.partial(exec, out);
  ops_.linear_forward(exec, partial, hidden, weight, bias);
  hooks_.reduce(exec, out, partial);
  if (dropout) ops_.dropout(exec, out, out, dropout);
}

TensorView Sublayers::project_out_backward(const Exec& exec, TensorView d_out,
                                           const Dropout& dropout) const {
  if (!dropout) return hooks_.gather(exec, d_out);
  const TensorView undropped = exec.arena.allocate(d_out.dtype, d_out.shape);
  ops_.dropout(exec, undropped, d_out, dropout);
  return hooks_.gather(exec, undropped);
}

void Sublayers::project_in_backward(const Exec& exec, TensorView d_input,
                                    const LinearGradients& grads, TensorView d_hidden,
                                    TensorView input, TensorView weight) const {
  ops_.linear_backward_weight(exec, grads.weight, grads.bias, d_hidden, hooks_.gather(exec, input),
                              grads.into_weight);
  const TensorView partial = hooks_.partial(exec, d_input);
  ops_.linear_backward_input(exec, partial, d_hidden, weight);
  hooks_.reduce(exec, d_input, partial);
}

}  // namespace isoflop
