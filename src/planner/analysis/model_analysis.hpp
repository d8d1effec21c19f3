// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/precision.hpp"
#include "core/model/flops.hpp"
#include "core/model/model_shape.hpp"
#include "core/model/param_count.hpp"
#include "core/model/recompute.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace isoflop {

/// Bytes of model state: fp32 master weights and, in bf16 and fp16, a copy in that type; fp32
/// gradients; optimizer state in fp32.
struct StateBytes {
  int64_t weights = 0;
  int64_t gradients = 0;
  int64_t adamw = 0;  ///< two moments
  int64_t muon = 0;   ///< one momentum of hidden matrices, AdamW's moments of the rest
};

/// A part of the model over all layers.
struct ModelComponent {
  std::string key;   ///< "token_embedding"
  std::string name;  ///< for people
  int64_t n_params = 0;
  int64_t n_active = 0;  ///< of those a token visits
  StateBytes state;
};

/// Activations of one sequence that wait for the backward pass, all blocks and the head; of models
/// that the trainer does not run as estimate_any_memory has them.
struct ActivationBytes {
  int64_t keep_all = 0;
  int64_t selective = 0;
  int64_t full = 0;
  int64_t manual_attention = 0;  ///< keep_all with every attention probability stored
};

struct SequenceAnalysis {
  int64_t seq_len = 0;
  FlopsPerToken causal;       ///< forward
  FlopsPerToken full_square;  ///< forward
  ActivationBytes activations;
};

struct ModelAnalysis {
  ModelShape shape;
  Precision precision = Precision::bf16;
  ParamCount params;                       ///< multi-token prediction apart
  std::vector<ModelComponent> components;  ///< those the model has; they sum to `total`
  ModelComponent total;
  std::vector<SequenceAnalysis> sequences;
};

/// Throws ConfigError for a sequence longer than a learned position table, and for fp8 and fp4.
ModelAnalysis analyse_model(const ModelShape& shape, const std::vector<int64_t>& seq_lens,
                            Precision precision);

/// FLOPs of attention (projections, scores, values) over those of the FFN.
double attention_over_ffn(const FlopsPerToken& flops);

/// What the model was made for, at most 8192: sequences of a 128 k context are rarely trained.
int64_t default_seq_len(const ModelShape& shape);

/// Throws ConfigError for a sequence longer than a learned position table, or not positive.
void require_seq_len(const ModelShape& shape, int64_t seq_len);

}  // namespace isoflop
