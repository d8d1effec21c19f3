// SPDX-License-Identifier: MIT
#include "core/model/activation_table.hpp"

#include "core/base/round_up.hpp"
#include "core/model/architecture.hpp"
#include "core/model/parameter_list.hpp"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

namespace isoflop {
namespace {

/// What is given back without a run of the whole block.
constexpr std::pair<std::string_view, BlockPart> kCheapTensors[] = {
    {"norm1", BlockPart::norms},
    {"norm2", BlockPart::norms},
    {"ffn_act", BlockPart::activations},
    {"attention", BlockPart::attention},
    {"attention_stats", BlockPart::attention},
};

constexpr int64_t kChunkGranularity = 64;
constexpr int64_t kArenaAlignment = 256;

SavedTensor compute_tensor(const char* name, int64_t elements_per_token) {
  return {name, elements_per_token, ElementWidth::compute};
}

SavedTensor fp32_tensor(const char* name, int64_t elements_per_token) {
  return {name, elements_per_token, ElementWidth::fp32};
}

SavedTensor norm_stats(const char* name, const ModelShape& shape, int64_t rows_per_token = 1) {
  return fp32_tensor(name, rows_per_token * row_of(shape.norm).stats_width());
}

/// What attention keeps beside its output, or needs beside its gradient.
SavedTensor scores_or_rows(const char* name, const ModelShape& shape, int64_t seq_len) {
  return shape.attention_backend == AttentionBackend::manual
             ? compute_tensor(name, shape.n_head * seq_len)
             : fp32_tensor(name, shape.n_head);
}

using Tensors = std::vector<SavedTensor>;

void append(Tensors& tensors, const Tensors& more) {
  tensors.insert(tensors.end(), more.begin(), more.end());
}

/// Says which part of a block gives each tensor back; the first one, the block's input, is always
/// kept.
Tensors with_parts(Tensors tensors) {
  for (SavedTensor& tensor : std::span(tensors).subspan(1)) {
    tensor.rebuilt_by = BlockPart::rest;
    for (const auto& [name, part] : kCheapTensors)
      if (tensor.name == name) tensor.rebuilt_by = part;
  }
  return tensors;
}

Tensors attention_tensors(const ModelShape& shape, int64_t seq_len) {
  Tensors tensors = {compute_tensor("qkv", shape.qkv_width())};
  if (shape.qk_norm) {
    const int64_t n_normed = shape.n_head + shape.n_kv_head;
    append(tensors, {compute_tensor("qk", n_normed * shape.d_head),
                     norm_stats("qk_stats", shape, n_normed)});
  }
  append(tensors, {compute_tensor("attention", shape.n_head * shape.d_head),
                   scores_or_rows("attention_stats", shape, seq_len)});
  return tensors;
}

Tensors ffn_tensors(const ModelShape& shape) {
  return {compute_tensor("ffn_in", shape.ffn_in_width()), compute_tensor("ffn_act", shape.d_ff)};
}

Tensors pre_norm_tensors(const ModelShape& shape, int64_t seq_len) {
  Tensors tensors = {compute_tensor("residual1", shape.d_model), norm_stats("norm1_stats", shape),
                     compute_tensor("norm1", shape.d_model)};
  append(tensors, attention_tensors(shape, seq_len));
  append(tensors, {compute_tensor("residual2", shape.d_model), norm_stats("norm2_stats", shape),
                   compute_tensor("norm2", shape.d_model)});
  append(tensors, ffn_tensors(shape));
  return tensors;
}

Tensors post_norm_tensors(const ModelShape& shape, int64_t seq_len) {
  Tensors tensors = {compute_tensor("input", shape.d_model)};
  append(tensors, attention_tensors(shape, seq_len));
  append(tensors, {compute_tensor("residual1", shape.d_model), norm_stats("norm1_stats", shape),
                   compute_tensor("norm1", shape.d_model)});
  append(tensors, ffn_tensors(shape));
  append(tensors, {compute_tensor("residual2", shape.d_model), norm_stats("norm2_stats", shape)});
  return tensors;
}

}  // namespace

std::vector<SavedTensor> block_saved_tensors(const ModelShape& shape, int64_t seq_len) {
  require_trainable(shape);
  return with_parts(shape.norm_position == NormPosition::pre ? pre_norm_tensors(shape, seq_len)
                                                             : post_norm_tensors(shape, seq_len));
}

std::vector<SavedTensor> head_saved_tensors(const ModelShape& shape) {
  const SavedTensor norm = compute_tensor("norm", shape.d_model);
  if (shape.norm_position == NormPosition::post) return {norm};
  return {compute_tensor("residual", shape.d_model), norm_stats("norm_stats", shape), norm};
}

std::vector<WorkspacePhase> workspace_phases(const ModelShape& shape, int64_t seq_len) {
  require_trainable(shape);
  const SavedTensor d_residual = compute_tensor("d_residual", shape.d_model);
  const SavedTensor d_norm = compute_tensor("d_norm", shape.d_model);
  Tensors ffn = {d_residual, compute_tensor("d_ffn_in", shape.ffn_in_width()), d_norm};
  if (shape.ffn == FfnType::gated) ffn.push_back(compute_tensor("d_ffn_act", shape.d_ff));
  std::vector<WorkspacePhase> phases = {
      {"forward", {compute_tensor("delta", shape.d_model)}},
      {"backward_head", {d_residual, d_norm}},
      {"backward_ffn", ffn},
      {"backward_attention",
       {d_residual, compute_tensor("d_attention", shape.n_head * shape.d_head),
        compute_tensor("d_qkv", shape.qkv_width()), d_norm,
        scores_or_rows("attention_scratch", shape, seq_len)}},
  };
  if (shape.dropout > 0) {
    for (WorkspacePhase& phase : std::span(phases).subspan(2))
      phase.tensors.push_back(compute_tensor("d_branch", shape.d_model));
  }
  return phases;
}

int64_t head_chunk_tokens(int64_t vocab_size, int64_t n_tokens, const HeadChunk& chunk) {
  const int64_t wanted = std::max(chunk.least_tokens, chunk.most_logits / vocab_size);
  return round_up(std::min(n_tokens, wanted), kChunkGranularity);
}

int64_t saved_bytes(const SavedTensor& tensor, int64_t n_tokens, int64_t compute_bytes) {
  const int64_t element_bytes = tensor.width == ElementWidth::fp32 ? 4 : compute_bytes;
  return round_up(tensor.elements_per_token * n_tokens * element_bytes, kArenaAlignment);
}

int64_t saved_bytes(const std::vector<SavedTensor>& tensors, int64_t n_tokens,
                    int64_t compute_bytes) {
  return kept_bytes(tensors, BlockParts(), n_tokens, compute_bytes);
}

int64_t kept_bytes(const std::vector<SavedTensor>& tensors, BlockParts rerun, int64_t n_tokens,
                   int64_t compute_bytes) {
  int64_t bytes = 0;
  for (const SavedTensor& tensor : tensors)
    if (tensor.is_kept(rerun)) bytes += saved_bytes(tensor, n_tokens, compute_bytes);
  return bytes;
}

}  // namespace isoflop
