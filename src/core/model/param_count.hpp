// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"

#include <cstdint>

namespace isoflop {

/// Trainable parameters by component over all layers. Tied embeddings are counted once, under
/// token_embedding.
struct ParamCount {
  int64_t token_embedding = 0;
  int64_t position_embedding = 0;
  int64_t attention = 0;  ///< projections, their biases and QK norms
  int64_t ffn = 0;        ///< dense FFNs, or all experts (routed and shared)
  int64_t router = 0;
  int64_t norm = 0;
  int64_t output = 0;        ///< output projection unless tied
  int64_t ffn_inactive = 0;  ///< part of ffn a token does not visit
  int64_t mtp = 0;           ///< multi-token-prediction layers; not in total()

  int64_t total() const {
    return token_embedding + position_embedding + attention + ffn + router + norm + output;
  }
  int64_t active() const { return total() - ffn_inactive; }
  /// Without the token and position tables and the output projection (Kaplan's N).
  int64_t non_embedding() const { return attention + ffn + router + norm; }
};

/// Exact counts; for the shapes the trainer runs the sum of core/model/parameter_list.hpp is the
/// same number (tested).
ParamCount count_params(const ModelShape& shape);

}  // namespace isoflop
