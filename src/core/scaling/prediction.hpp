// SPDX-License-Identifier: MIT
#pragma once

#include "core/scaling/scaling_law.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace isoflop {

/// A training run as a law sees it.
struct TrainingPoint {
  double n_params = 0;                ///< total, tied embeddings counted once
  double n_params_non_embedding = 0;  ///< without token and position embeddings
  double n_tokens = 0;                ///< processed, repetitions included
  /// See repeated_data.hpp; absent: no token is repeated.
  std::optional<double> effective_tokens = std::nullopt;
  /// What the parameters that the law counts are worth, likewise; absent: all they are.
  std::optional<double> effective_params = std::nullopt;
  std::string tokenizer = {};  ///< its name; "bytes" is the byte tokenizer
  int64_t vocab_size = 0;
};

struct LossPrediction {
  double loss = 0;  ///< nats per token
  std::optional<Range> interval_95;
  std::vector<std::string> warnings;  ///< sentences: what the law was not fitted to
};

struct NoPrediction {
  std::string reason;  ///< a clause that follows "no loss prediction: "
};

/// What the law says about this run, or why it says nothing: another kind of tokenizer, or compute
/// beyond the law's usable range. Compute, parameters and tokens outside the fitted ranges and a
/// tokenizer that is only comparable are warnings.
std::variant<LossPrediction, NoPrediction> predict_loss(const ScalingLaw& law,
                                                        const TrainingPoint& point);

/// N of the point as the law counts it.
double counted_params(const ScalingLaw& law, const TrainingPoint& point);

/// True when C lies in the range the law was fitted to.
bool in_fitted_range(const ScalingLaw& law, double compute_flops);

/// "C = 3.1e22 FLOPs is outside the 1.4e18 to 1.3e22 that besiroglu was fitted to"; absent inside.
std::optional<std::string> outside_fitted_range(const ScalingLaw& law, double compute_flops);

}  // namespace isoflop
