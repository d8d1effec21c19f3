// SPDX-License-Identifier: MIT
#pragma once

#include "planner/plan.hpp"
#include "planner/sweep/sweep_design.hpp"

#include <optional>

namespace isoflop {

/// Standard deviation of the final loss between runs that differ in the seed alone, nats, where
/// nobody states it. Assumed; two seeds or more measure it.
inline constexpr double kLossNoise = 0.01;

/// The longest that one run of a sweep may take, where nobody states it.
inline constexpr double kRunHours = 24;

/// Fewer steps than this tell nothing about a loss curve's end: warm-up is a twentieth of them and
/// the schedule must come down.
inline constexpr int64_t kFewestSweepSteps = 100;

/// What a sweep is asked to be.
struct SweepRequest {
  PlanRequest plan;  ///< name: of the sweep; goals.hours: of one run
  SweepSpec spec;
  double device_hours = 0;  ///< of all runs
  double loss_noise = kLossNoise;
  std::optional<int> max_running;  ///< jobs at the same time; absent: as many as there is room for
  /// The components of every model, whose size is chosen; absent: LLaMA's.
  std::optional<ModelShape> family;
  /// An ablation of exactly this model; `family` is absent then.
  std::optional<ModelShape> model;
};

}  // namespace isoflop
