// SPDX-License-Identifier: MIT
#include "planner/budget.hpp"

#include "core/base/format.hpp"
#include "core/plan/checkpoint_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace isoflop {

namespace {

std::optional<double> mtbf_s(const Partition& partition, const Reliability& reliability,
                             const JobSize& job) {
  std::optional<double> device_hours = reliability.device_hours_between_interruptions;
  if (!device_hours && partition.device.kind == DeviceClass::gpu)
    device_hours = kGpuHoursBetweenInterruptions;
  if (!device_hours) return std::nullopt;
  return *device_hours * 3600 / job.devices();
}

int count_jobs(double elapsed_s, const TimeRules& rules) {
  if (!rules.checkpoint_s || elapsed_s <= rules.job_limit_s) return 1;
  const double usable_s = std::max(1.0, rules.job_limit_s - rules.stop_s());
  return 1 + static_cast<int>(
                 std::ceil((elapsed_s - rules.job_limit_s) / (usable_s + rules.requeue_s)));
}

/// Fills in what checkpoints and interruptions take of `running_s`; returns what is left.
double pay_for_failures(TimeSplit& split, double running_s, const TimeRules& rules) {
  const double write_s = rules.checkpoint_s.value_or(0);
  if (write_s <= 0) return running_s;
  const double interval_s =
      rules.mtbf_s ? std::max(kShortestCheckpointInterval_s, std::sqrt(2 * write_s * *rules.mtbf_s))
                   : 60 * CheckpointConfig{}.interval_minutes;
  split.checkpoint_interval_s = interval_s;
  const double lost_s = std::min(interval_s, running_s) / 2;
  split.failure_s = split.expected_failures * (lost_s + rules.startup_s + rules.requeue_s);
  const double left_s = running_s - split.failure_s;
  const double writing_s =
      interval_s < running_s ? std::max(0.0, left_s) * write_s / (interval_s + write_s) : 0;
  split.checkpoint_s += writing_s;
  return left_s - writing_s;
}

/// Lowers the wall time to a limit and keeps the reason of the limit that decides.
void cut_to(Budget& budget, double limit_s, const std::string& reason) {
  if (limit_s >= budget.wall_s) return;
  budget.wall_s = limit_s;
  budget.cut_reason = reason;
}

std::string devices_text(const JobSize& job) {
  return fmt::format("{} GPU{}", job.devices(), job.devices() == 1 ? "" : "s");
}

}  // namespace

TimeRules make_time_rules(const Partition& partition, const Reliability& reliability,
                          const JobSize& job, const Calibration& calibration) {
  TimeRules rules;
  rules.startup_s = calibration.startup_s;
  rules.margin = calibration.prediction_margin;
  rules.requeue_s = reliability.requeue_delay_s;
  rules.mtbf_s = mtbf_s(partition, reliability, job);
  if (partition.time_limit_s) rules.job_limit_s = *partition.time_limit_s;
  return rules;
}

TimeSplit split_time(double elapsed_s, const TimeRules& rules) {
  TimeSplit split;
  split.elapsed_s = elapsed_s;
  split.jobs = count_jobs(elapsed_s, rules);
  split.job_s = std::min(elapsed_s, rules.job_limit_s);
  split.requeue_s = (split.jobs - 1) * rules.requeue_s;
  split.startup_s = split.jobs * rules.startup_s;
  const double running_s = elapsed_s - split.requeue_s;
  if (rules.mtbf_s) {
    split.expected_failures = running_s / *rules.mtbf_s;
    split.survival = std::exp(-split.expected_failures);
  }
  split.checkpoint_s = split.jobs * rules.checkpoint_s.value_or(0);
  const double left_s =
      pay_for_failures(split, running_s - split.startup_s - split.checkpoint_s, rules);
  split.margin_s = rules.margin * std::max(0.0, left_s);
  split.train_s = left_s - split.margin_s;
  return split;
}

std::optional<double> elapsed_for(double train_s, const TimeRules& rules, double most_s) {
  if (split_time(most_s, rules).train_s < train_s) return std::nullopt;
  double low = 0;
  double high = most_s;
  while (high - low > 1e-9 * high + 1e-3) {
    const double middle = (low + high) / 2;
    (split_time(middle, rules).train_s < train_s ? low : high) = middle;
  }
  return high;
}

Budget make_budget(const TimeLimits& limits, const Partition& partition,
                   const Allocation& allocation, const JobSize& job, const TimeRules& rules) {
  Budget budget;
  budget.asked_s = limits.hours.value_or(kMostHours) * 3600;
  budget.wall_s = budget.asked_s;
  if (partition.time_limit_s && !rules.checkpoint_s) {
    cut_to(budget, *partition.time_limit_s,
           fmt::format("partition '{}' ends jobs after {}", partition.name,
                       format_duration(*partition.time_limit_s)));
  }
  if (limits.device_hours) {
    cut_to(budget, *limits.device_hours * 3600 / job.devices(),
           fmt::format("{} is {:.4g} GPU hours for {}", limits.device_hours_of,
                       *limits.device_hours, devices_text(job)));
  }
  if (allocation.gpu_hours) {
    cut_to(budget, *allocation.gpu_hours * 3600 / job.devices(),
           fmt::format("the allocation has {:.4g} GPU hours for {}", *allocation.gpu_hours,
                       devices_text(job)));
  }
  // Slurm rounds a job's time up to whole minutes, which must not break a limit.
  const double resolution_s = budget.cut_reason.empty() ? 1 : 60;
  budget.wall_s = std::floor(budget.wall_s / resolution_s) * resolution_s;
  budget.rules = rules;
  budget.split = split_time(budget.wall_s, rules);
  return budget;
}

Budget shortened(const Budget& budget, double wall_s) {
  Budget shorter = budget;
  shorter.wall_s = wall_s;
  shorter.split = split_time(wall_s, budget.rules);
  return shorter;
}

}  // namespace isoflop
