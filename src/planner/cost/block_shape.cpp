// SPDX-License-Identifier: MIT
#include "planner/cost/block_shape.hpp"

#include "core/model/architecture.hpp"

#include <algorithm>

namespace isoflop {

namespace {

double real(int64_t value) { return static_cast<double>(value); }

/// Down-projections of latent attention are not split by tensor groups.
double attention_parameters(const ModelShape& shape, double tensor) {
  const double d_model = real(shape.d_model);
  const AttentionWidths widths = attention_widths(shape);
  if (!shape.mla) return d_model * (widths.qkv + widths.out) / tensor;
  const MlaShape& mla = *shape.mla;
  const bool compresses_queries = mla.q_lora_rank > 0;
  const double query_in = compresses_queries ? real(mla.q_lora_rank) : d_model;
  const double heads = real(shape.n_head);
  const double down = d_model * real(mla.kv_lora_rank + mla.qk_rope_head_dim) +
                      (compresses_queries ? d_model * query_in : 0);
  const double up = query_in * heads * widths.query_key +
                    real(mla.kv_lora_rank) * heads * real(mla.qk_nope_head_dim + mla.v_head_dim) +
                    widths.out * d_model;
  return down + up / tensor;
}

}  // namespace

AttentionWidths attention_widths(const ModelShape& shape) {
  if (!shape.mla)
    return {.query_key = real(shape.d_head),
            .value = real(shape.d_head),
            .qkv = real(shape.qkv_width()),
            .out = real(shape.n_head * shape.d_head)};
  const double heads = real(shape.n_head);
  const double query_key = real(shape.mla->qk_nope_head_dim + shape.mla->qk_rope_head_dim);
  const double value = real(shape.mla->v_head_dim);
  return {query_key, value, heads * (2 * query_key + value), heads * value};
}

double ffn_parameters(const ModelShape& shape, double d_ff) {
  return real(row_of(shape.ffn).n_matrix) * real(shape.d_model) * d_ff;
}

double own_experts(const MoeShape& moe, const ParallelLayout& layout) {
  return std::max(1.0, real(moe.n_routed_expert) / real(layout.expert));
}

double expert_share(const ModelShape& shape) {
  return real(shape.n_moe_layer()) / real(shape.n_layer);
}

BlockParameters block_parameters(const ModelShape& shape, const ParallelLayout& layout,
                                 double expert_share) {
  const double tensor = real(layout.tensor);
  BlockParameters parameters;
  parameters.shared_by_data = attention_parameters(shape, tensor) +
                              (1 - expert_share) * ffn_parameters(shape, real(shape.d_ff)) / tensor;
  if (!shape.moe) return parameters;
  const MoeShape& moe = *shape.moe;
  const double shared_width = real(moe.n_shared_expert * moe.d_ff_expert);
  parameters.shared_by_data += expert_share * ffn_parameters(shape, shared_width) / tensor;
  parameters.experts =
      expert_share * own_experts(moe, layout) * ffn_parameters(shape, real(moe.d_ff_expert));
  return parameters;
}

}  // namespace isoflop
