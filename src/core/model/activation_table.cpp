// SPDX-License-Identifier: MIT
#include "core/model/activation_table.hpp"

#include "core/base/round_up.hpp"
#include "core/model/parameter_list.hpp"

#include <algorithm>

namespace isoflop {
namespace {

constexpr int64_t kChunkGranularity = 64;
constexpr int64_t kArenaAlignment = 256;

/// rstd, or mean and rstd.
int64_t norm_stats_width(const ModelShape& shape) {
  return shape.norm == NormKind::rmsnorm ? 1 : 2;
}

SavedTensor compute_tensor(const char* name, int64_t elements_per_token) {
  return {name, elements_per_token, ElementWidth::compute, false};
}

SavedTensor fp32_tensor(const char* name, int64_t elements_per_token) {
  return {name, elements_per_token, ElementWidth::fp32, false};
}

}  // namespace

std::vector<SavedTensor> block_saved_tensors(const ModelShape& shape) {
  require_trainable(shape);
  return {
      {"residual1", shape.d_model, ElementWidth::compute, /*kept_under_full_recompute=*/true},
      fp32_tensor("norm1_stats", norm_stats_width(shape)),
      compute_tensor("norm1", shape.d_model),
      compute_tensor("qkv", shape.qkv_width()),
      compute_tensor("attention", shape.n_head * shape.d_head),
      fp32_tensor("attention_lse", shape.n_head),
      compute_tensor("residual2", shape.d_model),
      fp32_tensor("norm2_stats", norm_stats_width(shape)),
      compute_tensor("norm2", shape.d_model),
      compute_tensor("ffn_in", shape.ffn_in_width()),
      compute_tensor("ffn_act", shape.d_ff),
  };
}

std::vector<SavedTensor> head_saved_tensors(const ModelShape& shape) {
  return {
      compute_tensor("residual", shape.d_model),
      fp32_tensor("norm_stats", norm_stats_width(shape)),
      compute_tensor("norm", shape.d_model),
  };
}

std::vector<WorkspacePhase> workspace_phases(const ModelShape& shape) {
  require_trainable(shape);
  const SavedTensor d_residual = compute_tensor("d_residual", shape.d_model);
  const SavedTensor d_norm = compute_tensor("d_norm", shape.d_model);
  return {
      {"forward", {compute_tensor("delta", shape.d_model)}},
      {"backward_head", {d_residual, d_norm}},
      {"backward_ffn",
       {d_residual, compute_tensor("d_ffn_act", shape.d_ff),
        compute_tensor("d_ffn_in", shape.ffn_in_width()), d_norm}},
      {"backward_attention",
       {d_residual, compute_tensor("d_attention", shape.n_head * shape.d_head),
        compute_tensor("d_qkv", shape.qkv_width()), d_norm,
        fp32_tensor("attention_row_sum", shape.n_head)}},
  };
}

int64_t head_chunk_tokens(int64_t vocab_size, int64_t n_tokens, int64_t most_logits) {
  const int64_t wanted = std::max(kChunkGranularity, most_logits / vocab_size);
  return round_up(std::min(n_tokens, wanted), kChunkGranularity);
}

int64_t saved_bytes(const SavedTensor& tensor, int64_t n_tokens, int64_t compute_bytes) {
  const int64_t element_bytes = tensor.width == ElementWidth::fp32 ? 4 : compute_bytes;
  return round_up(tensor.elements_per_token * n_tokens * element_bytes, kArenaAlignment);
}

}  // namespace isoflop
