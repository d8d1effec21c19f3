// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"

#include <optional>

namespace isoflop {

/// What makes one design better than another. loss: the least predicted loss. time and cost: the
/// least time, or device hours, of all that reach the wanted loss, or come within kNearBest of the
/// best loss when none is wanted.
enum class Objective { loss, time, cost };

/// Designs whose loss is this near the best one's are as good: the interval of a law and the noise
/// between two seeds are wider.
inline constexpr double kNearBest = 0.005;

/// What the user fixes; everything else is chosen.
struct Goals {
  // Limits: no more than that is used.
  std::optional<double> hours;
  std::optional<double> device_hours;
  std::optional<double> money;  ///< in the currency of the partitions' prices
  std::optional<double> max_params;
  std::optional<double> max_epochs;
  // Aims: exactly that is done.
  std::optional<double> tokens;
  std::optional<double> compute;  ///< 6 N D
  std::optional<double> loss;     ///< nats per token, or less
  std::optional<ModelShape> model;
  std::optional<double> n_params;  ///< a model within 5 % of it

  std::optional<Objective> objective;

  /// Whether the goals say how long training goes on, so that it need not fill the time.
  bool fix_length() const { return tokens || compute || loss; }
  bool fix_size() const { return model || n_params; }
  bool limit_time() const { return hours || device_hours || money; }
  /// As asked for, else the least time for a training of given length, else the least loss.
  Objective chosen_objective() const;
};

/// How far a model may lie from Goals::n_params.
inline constexpr double kParamsTolerance = 0.05;

/// Throws ConfigError when the goals leave the size of the training open or contradict each other.
void check_goals(const Goals& goals);

}  // namespace isoflop
