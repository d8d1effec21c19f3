// SPDX-License-Identifier: MIT
#include "planner/analysis/model_analysis.hpp"

#include "core/base/error.hpp"
#include "core/model/activation_table.hpp"
#include "core/model/architecture.hpp"
#include "core/model/parameter_list.hpp"
#include "core/parallel/compute_bytes.hpp"
#include "planner/analysis/foreign_memory.hpp"
#include "planner/option_range.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace isoflop {
namespace {

/// Parameters of the matrices alone: what Muon updates, embeddings and output aside.
ParamCount count_matrices(ModelShape shape) {
  shape.qkv_bias = shape.attention_out_bias = shape.ffn_bias = shape.qk_norm = false;
  shape.foreign.attention_sinks = false;
  if (shape.moe) shape.moe->router_bias = false;
  ParamCount count = count_params(shape);
  if (shape.mla)  // the norms of both low ranks
    count.attention -= shape.n_layer * (shape.mla->q_lora_rank + shape.mla->kv_lora_rank);
  return count;
}

/// State of `n_params` parameters, `n_hidden` of them in hidden matrices.
StateBytes state_of(int64_t n_params, int64_t n_hidden, Precision precision) {
  const int64_t width = compute_bytes(precision);
  const int64_t copy = width == kMasterBytes ? 0 : width;
  return {.weights = n_params * (kMasterBytes + copy),
          .gradients = n_params * kMasterBytes,
          .adamw = 2 * n_params * kMasterBytes,
          .muon = (2 * n_params - n_hidden) * kMasterBytes};
}

struct Part {
  const char* key;
  const char* name;
  int64_t n_params;
  int64_t n_hidden = 0;  ///< in hidden matrices
  int64_t n_inactive = 0;
};

ModelComponent component(const Part& part, Precision precision) {
  return {part.key, part.name, part.n_params, part.n_params - part.n_inactive,
          state_of(part.n_params, part.n_hidden, precision)};
}

std::vector<ModelComponent> components_of(const ModelShape& shape, const ParamCount& count,
                                          Precision precision) {
  const ParamCount matrices = count_matrices(shape);
  const Part parts[] = {
      {"token_embedding", shape.tied_embeddings ? "token embedding = output" : "token embedding",
       count.token_embedding},
      {"position_embedding", "position embedding", count.position_embedding},
      {"attention", "attention", count.attention, matrices.attention},
      {"ffn", shape.moe ? "FFN, experts" : "FFN", count.ffn, matrices.ffn, count.ffn_inactive},
      {"router", "router", count.router, matrices.router},
      {"norm", "norms", count.norm},
      {"output", "output projection", count.output}};
  std::vector<ModelComponent> components;
  for (const Part& part : parts)
    if (part.n_params > 0) components.push_back(component(part, precision));
  return components;
}

ModelComponent sum(const std::vector<ModelComponent>& components) {
  ModelComponent total;
  total.key = total.name = "total";
  for (const ModelComponent& part : components) {
    total.n_params += part.n_params;
    total.n_active += part.n_active;
    total.state.weights += part.state.weights;
    total.state.gradients += part.state.gradients;
    total.state.adamw += part.state.adamw;
    total.state.muon += part.state.muon;
  }
  return total;
}

int64_t kept_by_model(const ModelShape& shape, int64_t seq_len, Recompute mode, int64_t width) {
  const std::vector<SavedTensor> block = block_saved_tensors(shape, seq_len);
  return shape.n_layer * kept_bytes(block, BlockParts(mode), seq_len, width) +
         saved_bytes(head_saved_tensors(shape), seq_len, width);
}

/// Of a model that the trainer does not run, all blocks.
int64_t kept_elsewhere(const ModelShape& shape, int64_t seq_len, Recompute mode,
                       Precision precision) {
  Layout layout;
  layout.recompute = mode;
  return estimate_any_memory(
             {.shape = shape, .layout = layout, .seq_len = seq_len, .precision = precision})
      .activations;
}

ActivationBytes activations_of(ModelShape shape, int64_t seq_len, Precision precision) {
  shape.n_mtp_layer = 0;  // counted apart, as everywhere
  const bool trainable = untrainable_part(shape).empty();
  const auto kept = [&](Recompute mode, AttentionBackend attention) {
    shape.attention_backend = attention;
    return trainable ? kept_by_model(shape, seq_len, mode, compute_bytes(precision))
                     : kept_elsewhere(shape, seq_len, mode, precision);
  };
  return {.keep_all = kept(Recompute::none, AttentionBackend::automatic),
          .selective = kept(Recompute::selective, AttentionBackend::automatic),
          .full = kept(Recompute::full, AttentionBackend::automatic),
          .manual_attention = kept(Recompute::none, AttentionBackend::manual)};
}

SequenceAnalysis analyse_sequence(const ModelShape& shape, int64_t seq_len, Precision precision) {
  require_seq_len(shape, seq_len);
  return {.seq_len = seq_len,
          .causal = forward_flops_per_token(shape, seq_len, AttentionFlops::causal),
          .full_square = forward_flops_per_token(shape, seq_len, AttentionFlops::full_square),
          .activations = activations_of(shape, seq_len, precision)};
}

/// Longest sequence that a model may be asked about: of the contexts in use, 10 M (Llama 4), some
/// hundredfold.
constexpr int64_t kLongestSequence = int64_t{1} << 30;
constexpr int64_t kLongestDefault = 8192;

}  // namespace

ModelAnalysis analyse_model(const ModelShape& shape, const std::vector<int64_t>& seq_lens,
                            Precision precision) {
  ModelAnalysis analysis;
  analysis.shape = shape;
  analysis.precision = precision;
  analysis.params = count_params(shape);
  analysis.components = components_of(shape, analysis.params, precision);
  analysis.total = sum(analysis.components);
  for (const int64_t seq_len : seq_lens)
    analysis.sequences.push_back(analyse_sequence(shape, seq_len, precision));
  return analysis;
}

double attention_over_ffn(const FlopsPerToken& flops) {
  return (flops.qkv_projection + flops.attention_scores + flops.output_projection) / flops.ffn;
}

int64_t default_seq_len(const ModelShape& shape) {
  return std::min(shape.max_seq_len, kLongestDefault);
}

void require_seq_len(const ModelShape& shape, int64_t seq_len) {
  require_in_range("--seq-len", seq_len, kLongestSequence);
  if (row_of(shape.position).has_table && seq_len > shape.max_seq_len)
    throw ConfigError(
        fmt::format("--seq-len is {} (the model's position table has {} rows); use at most that",
                    seq_len, shape.max_seq_len));
}

}  // namespace isoflop
