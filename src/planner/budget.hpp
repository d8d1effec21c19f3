// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/cluster.hpp"
#include "planner/allocation.hpp"
#include "planner/calibration.hpp"

#include <limits>
#include <optional>
#include <string>

namespace isoflop {

/// GPU hours between two unexpected interruptions: 419 in 54 days on 16,384 H100.
/// Source: Llama 3, arXiv:2407.21783, table 5.
inline constexpr double kGpuHoursBetweenInterruptions = 50'700;

/// Slurm may send the signal that --signal asks for this much earlier (its manual page).
inline constexpr double kSignalEarliness_s = 60;

/// More often no checkpoint is planned, however cheap one is.
inline constexpr double kShortestCheckpointInterval_s = 10;

/// What a run loses besides its steps, on one part of a partition.
struct TimeRules {
  double startup_s = 0;  ///< of every job: launch, reading the index, first allocations
  double margin = 0;     ///< fraction kept back in case steps are slower than predicted
  double requeue_s = 0;  ///< from the end of a job to the start of the next
  double job_limit_s = std::numeric_limits<double>::infinity();
  std::optional<double> mtbf_s;        ///< of the whole job; absent: nothing fails
  std::optional<double> checkpoint_s;  ///< to write one; absent: nobody restarts the run
  /// Before its limit a job is told to stop: what its step and its last checkpoint take.
  double signal_lead_s = 0;

  /// What a job that another follows cannot use of its limit.
  double stop_s() const { return signal_lead_s + kSignalEarliness_s; }
};

/// MTBF from the number of devices: failures of single devices are independent.
TimeRules make_time_rules(const Partition& partition, const Reliability& reliability,
                          const JobSize& job, const Calibration& calibration);

/// Where the hours go. All parts add up to elapsed_s.
struct TimeSplit {
  double elapsed_s = 0;  ///< from the first job's start to the last one's end
  double job_s = 0;      ///< the longest job, what Slurm is asked for
  int jobs = 1;          ///< one after the other
  double startup_s = 0;  ///< of the jobs planned
  double requeue_s = 0;  ///< between the jobs planned; uses no device hours
  double checkpoint_s = 0;
  double failure_s = 0;  ///< expected: work lost, start-up and requeue after interruptions
  double margin_s = 0;
  double train_s = 0;  ///< steps and evaluations; not positive when the time is too short

  std::optional<double> checkpoint_interval_s;
  double expected_failures = 0;
  /// That no interruption hits the run: exp(-running time / MTBF).
  double survival = 1;
};

/// What of `elapsed_s` is left for training. Without checkpoints it is one job, which a failure
/// ends: none is counted in failure_s. With them
/// - the interval is sqrt(2 t_checkpoint MTBF) (Young 1974, doi:10.1145/361147.361115; Daly 2006,
///   doi:10.1016/j.future.2004.11.016, to first order), and each job ends with one;
/// - an interruption costs half an interval, a start-up and a requeue delay;
/// - a time longer than a job may last is chained jobs, each but the last stopped in time;
/// - where nothing fails, checkpoints are written as often as the trainer does by default.
TimeSplit split_time(double elapsed_s, const TimeRules& rules);

/// The least elapsed time that leaves `train_s` for training; absent when none does (below
/// `most_s`).
std::optional<double> elapsed_for(double train_s, const TimeRules& rules, double most_s);

/// The time that a plan may take.
struct Budget {
  double asked_s = 0;
  double wall_s = 0;       ///< whole seconds, minutes at a limit
  std::string cut_reason;  ///< why wall_s is below asked_s; empty when it is not
  TimeRules rules;
  TimeSplit split;  ///< of wall_s

  double device_hours(const JobSize& job) const {
    return (wall_s - split.requeue_s) * job.devices() / 3600;
  }
};

/// What limits the time; any of them may be absent.
struct TimeLimits {
  std::optional<double> hours;
  std::optional<double> device_hours;  ///< that the user wants to spend
  std::string device_hours_of;         ///< "--gpu-hours", "--dollars": for cut_reason
};

/// The longest time without any limit, in hours.
inline constexpr double kMostHours = 1e5;

/// Never exceeds the limits, the allocation's GPU hours, or (without checkpoints) the partition's
/// time limit.
Budget make_budget(const TimeLimits& limits, const Partition& partition,
                   const Allocation& allocation, const JobSize& job, const TimeRules& rules);

/// The same with less time.
Budget shortened(const Budget& budget, double wall_s);

}  // namespace isoflop
