// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/health_config.hpp"
#include "trainer/health/activity.hpp"

#include <optional>

namespace isoflop {

/// A phase that lasts longer than it may.
struct Stall {
  Doing doing;
  double lasted_s = 0;
  double limit_s = 0;
};

/// stall_factor median steps, at least stall_min_s.
double ordinary_limit(const HealthConfig& config, const Activity& activity);

/// How long the phase that `activity` is in may last: the ordinary limit, or at least
/// pause_limit_s where a step is no measure (HealthConfig).
double stall_limit(const HealthConfig& config, const Activity& activity);

/// Not with stall_factor 0.
std::optional<Stall> find_stall(const HealthConfig& config, const Activity& activity);

/// The step has lasted for half of a phase's ordinary limit: another rank may have called the run
/// stalled. Not with stall_factor 0.
bool is_slow(const HealthConfig& config, const Activity& activity);

}  // namespace isoflop
