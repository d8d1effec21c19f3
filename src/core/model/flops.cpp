// SPDX-License-Identifier: MIT
#include "core/model/flops.hpp"

#include "core/model/architecture.hpp"
#include "core/model/parameter_list.hpp"

namespace isoflop {
namespace {

double real(int64_t value) { return static_cast<double>(value); }

/// Weights of the matrices that make queries, keys and values, one layer.
double qkv_weights(const ModelShape& shape) {
  if (!shape.mla) return real(shape.d_model) * real(shape.qkv_width());
  const MlaShape& mla = *shape.mla;
  const double q_width = real(shape.n_head * (mla.qk_nope_head_dim + mla.qk_rope_head_dim));
  const double kv_width = real(shape.n_head * (mla.qk_nope_head_dim + mla.v_head_dim));
  const double queries = mla.q_lora_rank > 0
                             ? real(mla.q_lora_rank) * (real(shape.d_model) + q_width)
                             : real(shape.d_model) * q_width;
  return queries + real(shape.d_model) * real(mla.kv_lora_rank + mla.qk_rope_head_dim) +
         real(mla.kv_lora_rank) * kv_width;
}

/// Width of the attention result that the output matrix reads.
double value_width(const ModelShape& shape) {
  return real(shape.n_head * (shape.mla ? shape.mla->v_head_dim : shape.d_head));
}

/// Keys a query meets on average: all seq_len of them, or half when only the past counts.
double keys_per_query(int64_t seq_len, AttentionFlops convention) {
  return convention == AttentionFlops::causal ? real(seq_len) / 2 : real(seq_len);
}

double ffn_weights(const ModelShape& shape, int64_t d_ff) {
  return real(shape.d_model) * real(d_ff) * row_of(shape.ffn).n_matrix;
}

/// Weights of the output projection; where tables have a width of their own, of the matrices
/// between it and d_model too, on both sides.
double head_weights(const ModelShape& shape) {
  const double width = real(shape.table_width());
  const double between = shape.foreign.d_embedding ? 2 * width * real(shape.d_model) : 0;
  return width * real(shape.vocab_size) + between;
}

/// Hidden units a token activates, summed over all layers.
double active_hidden_units(const ModelShape& shape) {
  const double dense = real(shape.n_layer - shape.n_moe_layer()) * real(shape.d_ff);
  if (!shape.moe) return dense;
  const MoeShape& moe = *shape.moe;
  return dense + real(shape.n_moe_layer()) * real(moe.n_active_expert + moe.n_shared_expert) *
                     real(moe.d_ff_expert);
}

double active_ffn_weights(const ModelShape& shape) {
  const double dense = real(shape.n_layer - shape.n_moe_layer()) * ffn_weights(shape, shape.d_ff);
  if (!shape.moe) return dense;
  const MoeShape& moe = *shape.moe;
  return dense + real(shape.n_moe_layer()) * real(moe.n_active_expert + moe.n_shared_expert) *
                     ffn_weights(shape, moe.d_ff_expert);
}

/// Operations per hidden unit, the product with the other half of a gated one included.
double activation_ops(const ModelShape& shape) {
  return row_of(shape.activation).flops + (shape.ffn == FfnType::gated ? 1 : 0);
}

/// Element-wise work of one token: norms and residual sums, rotary positions, softmax over the keys
/// met, FFN activation, cross-entropy over the vocabulary. Operation counts are those of the plain
/// formulas.
double element_wise_flops(const ModelShape& shape, double n_keys) {
  const double norm_ops = row_of(shape.norm).flops;
  const double norms = real(shape.n_norm()) * norm_ops * real(shape.d_model);
  const double residuals = 2 * real(shape.n_layer) * real(shape.d_model);
  const double rotated = shape.mla ? real((shape.n_head + 1) * shape.mla->qk_rope_head_dim)
                                   : real((shape.n_head + shape.n_kv_head) * shape.d_head);
  const double rope = row_of(shape.position).flops * real(shape.n_layer) * rotated;
  const double qk_norms = shape.qk_norm ? norm_ops * real(shape.n_layer) * rotated : 0;
  const double softmax = 5 * real(shape.n_layer) * real(shape.n_head) * n_keys;
  const double activation = activation_ops(shape) * active_hidden_units(shape);
  const double cross_entropy = 4 * real(shape.vocab_size);
  return norms + residuals + rope + qk_norms + softmax + activation + cross_entropy;
}

/// Of all blocks, what is run again with the rest of a block beside attention.
double rest_flops(const ModelShape& shape, const FlopsPerToken& forward) {
  const double n_matrix = row_of(shape.ffn).n_matrix;
  const double n_again = shape.norm_position == NormPosition::pre ? n_matrix - 1 : n_matrix;
  return forward.qkv_projection + forward.output_projection + forward.ffn * n_again / n_matrix;
}

}  // namespace

FlopsPerToken forward_flops_per_token(const ModelShape& shape, int64_t seq_len,
                                      AttentionFlops convention) {
  const double n_layer = real(shape.n_layer);
  const double n_keys = keys_per_query(seq_len, convention);
  FlopsPerToken flops;
  flops.qkv_projection = 2 * n_layer * qkv_weights(shape);
  flops.attention_scores =
      2 * n_layer * n_keys * (real(shape.n_head * shape.d_head) + value_width(shape));
  flops.output_projection = 2 * n_layer * value_width(shape) * real(shape.d_model);
  flops.ffn = 2 * active_ffn_weights(shape);
  if (shape.moe)
    flops.router = 2 * real(shape.n_moe_layer()) * real(shape.d_model) *
                   real(shape.moe->n_routed_expert + (shape.moe->shared_expert_gate ? 1 : 0));
  flops.lm_head = 2 * head_weights(shape);
  flops.other = element_wise_flops(shape, n_keys);
  return flops;
}

double train_flops_per_token(const ModelShape& shape, int64_t seq_len, AttentionFlops convention) {
  return 3 * forward_flops_per_token(shape, seq_len, convention).matmul();
}

double recompute_flops_per_token(const ModelShape& shape, const RecomputePlan& recompute,
                                 int64_t seq_len, AttentionFlops convention) {
  require_trainable(shape);
  const FlopsPerToken all = forward_flops_per_token(shape, seq_len, convention);
  double flops = 0;
  for (const RecomputeRange& range : recompute.in_backward(shape.n_layer).ranges(shape.n_layer)) {
    const double share = real(range.n_block()) / real(shape.n_layer);
    if (range.parts.has(BlockPart::attention)) flops += share * all.attention_scores;
    if (range.parts.has(BlockPart::rest)) flops += share * rest_flops(shape, all);
  }
  return flops;
}

double recompute_factor(const ModelShape& shape, const RecomputePlan& recompute, int64_t seq_len,
                        AttentionFlops convention) {
  return 1 + recompute_flops_per_token(shape, recompute, seq_len, convention) /
                 train_flops_per_token(shape, seq_len, convention);
}

}  // namespace isoflop
