// SPDX-License-Identifier: MIT
#include "planner/budget.hpp"

#include "core/base/format.hpp"

#include <fmt/format.h>

#include <cmath>

namespace isoflop {

namespace {

/// Lowers the wall time to a limit and keeps the reason of the limit that decides.
void cut_to(Budget& budget, double limit_s, const std::string& reason) {
  if (limit_s >= budget.wall_s) return;
  budget.wall_s = limit_s;
  budget.cut_reason = reason;
}

}  // namespace

Budget make_budget(double hours, const Partition& partition, const Allocation& allocation,
                   const JobSize& job, const Calibration& calibration) {
  Budget budget;
  budget.asked_s = hours * 3600;
  budget.wall_s = budget.asked_s;
  if (partition.time_limit_s) {
    cut_to(budget, *partition.time_limit_s,
           fmt::format("partition '{}' ends jobs after {}", partition.name,
                       format_duration(*partition.time_limit_s)));
  }
  if (allocation.gpu_hours) {
    cut_to(budget, *allocation.gpu_hours * 3600 / job.devices(),
           fmt::format("the allocation has {:.4g} GPU hours for {} GPU{}", *allocation.gpu_hours,
                       job.devices(), job.devices() == 1 ? "" : "s"));
  }
  // Slurm rounds a job's time up to whole minutes, which must not break a limit.
  const double resolution_s = budget.cut_reason.empty() ? 1 : 60;
  budget.wall_s = std::floor(budget.wall_s / resolution_s) * resolution_s;
  budget.startup_s = calibration.startup_s;
  const double after_startup_s = budget.wall_s - budget.startup_s;
  budget.margin_s = calibration.prediction_margin * std::max(0.0, after_startup_s);
  budget.train_s = after_startup_s - budget.margin_s;
  return budget;
}

}  // namespace isoflop
