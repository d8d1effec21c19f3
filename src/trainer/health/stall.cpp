// SPDX-License-Identifier: MIT
#include "trainer/health/stall.hpp"

#include <algorithm>

namespace isoflop {
namespace {

/// The thread that trains writes files or looks at other data.
bool is_pause(Phase phase) {
  return phase == Phase::start || phase == Phase::evaluation || phase == Phase::checkpoint ||
         phase == Phase::end;
}

}  // namespace

double ordinary_limit(const HealthConfig& config, const Activity& activity) {
  return std::max(config.stall_min_s, config.stall_factor * activity.median_step_s().value_or(0.0));
}

double stall_limit(const HealthConfig& config, const Activity& activity) {
  const double limit_s = ordinary_limit(config, activity);
  const bool is_measure = !is_pause(activity.now().phase) && !activity.is_out_of_the_ordinary();
  return is_measure ? limit_s : std::max(limit_s, config.pause_limit_s);
}

std::optional<Stall> find_stall(const HealthConfig& config, const Activity& activity) {
  if (config.stall_factor == 0) return std::nullopt;
  const Doing doing = activity.now();
  const double lasted_s = activity.seconds() - doing.since_s;
  const double limit_s = stall_limit(config, activity);
  if (lasted_s <= limit_s) return std::nullopt;
  return Stall{doing, lasted_s, limit_s};
}

bool is_slow(const HealthConfig& config, const Activity& activity) {
  return config.stall_factor > 0 &&
         activity.seconds() - activity.now().step_since_s > ordinary_limit(config, activity) / 2;
}

}  // namespace isoflop
