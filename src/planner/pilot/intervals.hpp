// SPDX-License-Identifier: MIT
#pragma once

#include "planner/candidate.hpp"

#include <optional>
#include <string>

namespace isoflop {

struct PlanRequest;

/// 95 % intervals of what is predicted, from the spread of step times.
struct PlanIntervals {
  bool calibrated = false;  ///< by a pilot on these nodes
  std::string basis;        ///< where the spread comes from
  double spread = 0;        ///< standard deviation of the logarithm of step times
  Range step_s;
  Range mfu_causal;
  Range wall_s;  ///< that the planned steps take, start-up and evaluations included
  /// Tokens that fit into the same time; absent where time does not limit them.
  std::optional<Range> tokens;
  /// Of those tokens by the law itself; absent without a loss or `tokens`.
  std::optional<Range> loss_by_speed;
  std::optional<Range> loss_by_law;  ///< of the law's fit, at the planned tokens
  std::optional<Range> loss;         ///< both, added in quadrature
};

/// Of a candidate whose loss is predicted (predict_loss_of). Uncalibrated step times spread as
/// predictions of published runs do (step_time_spread of data/calibration.yaml).
PlanIntervals plan_intervals(const Candidate& choice, double mfu_causal,
                             const PlanRequest& request);

}  // namespace isoflop
