// SPDX-License-Identifier: MIT
#include "core/model/param_count.hpp"

#include "core/model/architecture.hpp"

namespace isoflop {
namespace {

/// A norm over `width` elements: weights, and biases where the kind has them.
int64_t norm_params(const ModelShape& shape, int64_t width) {
  if (!shape.foreign.norm_weights) return 0;
  return shape.norm_has_bias() ? 2 * width : width;
}

int64_t qk_norm_params(const ModelShape& shape) {
  if (!shape.qk_norm) return 0;
  return shape.foreign.own_qk_norms ? (shape.n_head + shape.n_kv_head) * shape.d_head
                                    : 2 * norm_params(shape, shape.d_head);
}

/// `rows` of the tables' width, and what turns that width into d_model.
int64_t table_params(const ModelShape& shape, int64_t rows) {
  const int64_t projection =
      shape.table_width() == shape.d_model ? 0 : shape.table_width() * shape.d_model;
  return rows * shape.table_width() + projection;
}

/// The output projection; tied, only its bias and the way from d_model to the table's width.
int64_t output_params(const ModelShape& shape) {
  const int64_t rows = shape.tied_embeddings ? 0 : shape.vocab_size;
  return table_params(shape, rows) + (shape.foreign.output_bias ? shape.vocab_size : 0);
}

/// Multi-head latent attention: queries through their own low rank (or directly), keys and values
/// through a shared one beside the rotary key; the norms of both ranks have no bias.
int64_t latent_attention_params(const ModelShape& shape, const MlaShape& mla) {
  const int64_t q_width = shape.n_head * (mla.qk_nope_head_dim + mla.qk_rope_head_dim);
  const int64_t kv_width = shape.n_head * (mla.qk_nope_head_dim + mla.v_head_dim);
  const int64_t kv_down = mla.kv_lora_rank + mla.qk_rope_head_dim;
  const int64_t queries = mla.q_lora_rank > 0 ? mla.q_lora_rank * (shape.d_model + 1 + q_width)
                                              : shape.d_model * q_width;
  const int64_t keys_values = shape.d_model * kv_down + mla.kv_lora_rank * (1 + kv_width);
  const int64_t bias = (shape.qkv_bias ? mla.q_lora_rank + kv_down : 0) +
                       (shape.attention_out_bias ? shape.d_model : 0);
  return queries + keys_values + shape.n_head * mla.v_head_dim * shape.d_model + bias;
}

int64_t attention_params(const ModelShape& shape) {
  if (shape.mla) return latent_attention_params(shape, *shape.mla);
  const int64_t weights =
      shape.d_model * shape.qkv_width() + shape.n_head * shape.d_head * shape.d_model;
  const int64_t bias =
      (shape.qkv_bias ? shape.qkv_width() : 0) + (shape.attention_out_bias ? shape.d_model : 0);
  return weights + bias + qk_norm_params(shape) +
         (shape.foreign.attention_sinks ? shape.n_head : 0);
}

/// One FFN, dense or expert, of hidden width `d_ff`.
int64_t ffn_params(const ModelShape& shape, int64_t d_ff) {
  const int64_t in_width = row_of(shape.ffn).in_parts * d_ff;
  return shape.d_model * (in_width + d_ff) + (shape.ffn_bias ? in_width + shape.d_model : 0);
}

int64_t moe_ffn_params(const ModelShape& shape, const MoeShape& moe) {
  return (moe.n_routed_expert + moe.n_shared_expert) * ffn_params(shape, moe.d_ff_expert);
}

int64_t router_params(const ModelShape& shape, const MoeShape& moe) {
  return moe.n_routed_expert * (shape.d_model + (moe.router_bias ? 1 : 0)) +
         (moe.shared_expert_gate ? shape.d_model : 0);
}

/// One multi-token-prediction layer: a block like the last one, the matrix that joins hidden state
/// and embedding, and three norms; embeddings and output matrix are shared with the model
/// (DeepSeek-V3, arXiv:2412.19437, section 2.2).
int64_t mtp_layer_params(const ModelShape& shape) {
  const int64_t ffn = shape.moe
                          ? moe_ffn_params(shape, *shape.moe) + router_params(shape, *shape.moe)
                          : ffn_params(shape, shape.d_ff);
  return attention_params(shape) + ffn + 2 * shape.d_model * shape.d_model +
         5 * norm_params(shape, shape.d_model);
}

}  // namespace

ParamCount count_params(const ModelShape& shape) {
  ParamCount count;
  count.token_embedding = table_params(shape, shape.vocab_size);
  if (row_of(shape.position).has_table)
    count.position_embedding =
        (shape.max_seq_len + shape.foreign.n_unused_position) * shape.d_model;
  count.attention = shape.n_layer * attention_params(shape);
  count.ffn = (shape.n_layer - shape.n_moe_layer()) * ffn_params(shape, shape.d_ff);
  if (shape.moe) {
    const MoeShape& moe = *shape.moe;
    count.ffn += shape.n_moe_layer() * moe_ffn_params(shape, moe);
    count.router = shape.n_moe_layer() * router_params(shape, moe);
    count.ffn_inactive = shape.n_moe_layer() * (moe.n_routed_expert - moe.n_active_expert) *
                         ffn_params(shape, moe.d_ff_expert);
  }
  count.norm = shape.n_norm() * norm_params(shape, shape.d_model);
  count.output = output_params(shape);
  count.mtp = shape.n_mtp_layer * mtp_layer_params(shape);
  return count;
}

}  // namespace isoflop
