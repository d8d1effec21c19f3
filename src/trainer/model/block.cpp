// SPDX-License-Identifier: MIT
#include "trainer/model/block.hpp"

namespace isoflop {
namespace {

/// (B, T, heads, d_head) as (B T, heads d_head).
TensorView as_rows(TensorView tensor) {
  const int64_t rows = tensor.extent(0) * tensor.extent(1);
  return tensor.reshaped({rows, tensor.size() / rows});
}

}  // namespace

BlockTensors block_tensors(const ModelShape& shape, const UnitLease& lease) {
  int64_t next = 0;
  const auto take = [&](bool present) { return present ? lease[next++] : TensorView(); };
  BlockTensors tensors;
  tensors.norm1_weight = take(true);
  tensors.norm1_bias = take(shape.norm_has_bias());
  tensors.qkv_weight = take(true);
  tensors.qkv_bias = take(shape.qkv_bias);
  tensors.out_weight = take(true);
  tensors.out_bias = take(shape.attention_out_bias);
  tensors.norm2_weight = take(true);
  tensors.norm2_bias = take(shape.norm_has_bias());
  tensors.ffn_in_weight = take(true);
  tensors.ffn_in_bias = take(shape.ffn_bias);
  tensors.ffn_out_weight = take(true);
  tensors.ffn_out_bias = take(shape.ffn_bias);
  ISOFLOP_CHECK(next == lease.size());
  return tensors;
}

void Block::forward(const Exec& exec, const BlockTensors& params, const BlockActivations& saved,
                    TensorView residual_in, TensorView delta, TensorView delta_out) const {
  ops_.residual_norm_forward(exec, saved.residual1, saved.norm1, saved.norm1_stats, residual_in,
                             delta, params.norm1_weight, params.norm1_bias, norm());
  attention_forward(exec, params, saved);
  ffn_forward(exec, params, saved, delta_out);
  ops_.linear_forward(exec, delta_out, saved.ffn_act, params.ffn_out_weight, params.ffn_out_bias);
}

void Block::recompute(const Exec& exec, const BlockTensors& params, const BlockActivations& saved,
                      TensorView scratch) const {
  ops_.residual_norm_forward(exec, saved.residual1, saved.norm1, saved.norm1_stats, saved.residual1,
                             TensorView(), params.norm1_weight, params.norm1_bias, norm());
  attention_forward(exec, params, saved);
  ffn_forward(exec, params, saved, scratch);
}

void Block::attention_forward(const Exec& exec, const BlockTensors& params,
                              const BlockActivations& saved) const {
  ops_.linear_forward(exec, as_rows(saved.qkv), saved.norm1, params.qkv_weight, params.qkv_bias);
  if (shape_.position == PositionEncoding::rope)
    ops_.rope(exec, saved.qkv, heads(), shape_.rope_theta, RopeDirection::forward);
  ops_.attention_forward(exec, saved.attention, saved.attention_lse, saved.qkv, heads());
}

/// From saved.attention to saved.ffn_act; attention_out is scratch.
void Block::ffn_forward(const Exec& exec, const BlockTensors& params, const BlockActivations& saved,
                        TensorView attention_out) const {
  ops_.linear_forward(exec, attention_out, as_rows(saved.attention), params.out_weight,
                      params.out_bias);
  ops_.residual_norm_forward(exec, saved.residual2, saved.norm2, saved.norm2_stats, saved.residual1,
                             attention_out, params.norm2_weight, params.norm2_bias, norm());
  ops_.linear_forward(exec, saved.ffn_in, saved.norm2, params.ffn_in_weight, params.ffn_in_bias);
  ops_.activation_forward(exec, saved.ffn_act, saved.ffn_in, shape_.activation, shape_.ffn);
}

void Block::backward(const Exec& exec, const BlockTensors& params, const BlockTensors& grads,
                     const BlockActivations& saved, TensorView d_residual) const {
  ffn_backward(exec, params, grads, saved, d_residual);
  attention_backward(exec, params, grads, saved, d_residual);
}

void Block::ffn_backward(const Exec& exec, const BlockTensors& params, const BlockTensors& grads,
                         const BlockActivations& saved, TensorView d_residual) const {
  const Arena::Scope scope(exec.arena);
  const TensorView d_act = temporary(exec, saved.ffn_act, shape_.d_ff);
  const TensorView d_in = temporary(exec, saved.ffn_in, shape_.ffn_in_width());
  const TensorView d_norm = temporary(exec, saved.norm2, shape_.d_model);
  ops_.linear_backward_input(exec, d_act, d_residual, params.ffn_out_weight);
  ops_.linear_backward_weight(exec, grads.ffn_out_weight, grads.ffn_out_bias, d_residual,
                              saved.ffn_act);
  ops_.activation_backward(exec, d_in, d_act, saved.ffn_in, shape_.activation, shape_.ffn);
  ops_.linear_backward_input(exec, d_norm, d_in, params.ffn_in_weight);
  ops_.linear_backward_weight(exec, grads.ffn_in_weight, grads.ffn_in_bias, d_in, saved.norm2);
  ops_.norm_backward(exec, d_residual, grads.norm2_weight, grads.norm2_bias, d_norm,
                     saved.residual2, saved.norm2_stats, params.norm2_weight, norm());
}

void Block::attention_backward(const Exec& exec, const BlockTensors& params,
                               const BlockTensors& grads, const BlockActivations& saved,
                               TensorView d_residual) const {
  const Arena::Scope scope(exec.arena);
  const TensorView d_attention = exec.arena.allocate(saved.attention.dtype, saved.attention.shape);
  const TensorView d_qkv = exec.arena.allocate(saved.qkv.dtype, saved.qkv.shape);
  const TensorView d_norm = temporary(exec, saved.norm1, shape_.d_model);
  const TensorView row_sum =
      exec.arena.allocate(saved.attention_lse.dtype, saved.attention_lse.shape);
  ops_.linear_backward_input(exec, as_rows(d_attention), d_residual, params.out_weight);
  ops_.linear_backward_weight(exec, grads.out_weight, grads.out_bias, d_residual,
                              as_rows(saved.attention));
  ops_.attention_backward(exec, d_qkv, row_sum, d_attention, saved.qkv, saved.attention,
                          saved.attention_lse, heads());
  if (shape_.position == PositionEncoding::rope)
    ops_.rope(exec, d_qkv, heads(), shape_.rope_theta, RopeDirection::backward);
  ops_.linear_backward_input(exec, d_norm, as_rows(d_qkv), params.qkv_weight);
  ops_.linear_backward_weight(exec, grads.qkv_weight, grads.qkv_bias, as_rows(d_qkv), saved.norm1);
  ops_.norm_backward(exec, d_residual, grads.norm1_weight, grads.norm1_bias, d_norm,
                     saved.residual1, saved.norm1_stats, params.norm1_weight, norm());
}

}  // namespace isoflop
