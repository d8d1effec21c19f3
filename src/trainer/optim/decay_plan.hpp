// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/schedule_config.hpp"

#include <cstdint>
#include <optional>

namespace isoflop {

/// The steps in which kind wsd brings the learning rate down; the last one is the run's last.
struct DecayPlan {
  int64_t first_step = 1;
  int64_t n_steps = 1;

  int64_t last_step() const { return first_step + n_steps - 1; }

  bool operator==(const DecayPlan&) const = default;
};

/// The decay of a run in which all steps are trained.
DecayPlan planned_decay(const ScheduleConfig& schedule);

/// Steps of a decay that follows `steps_before` steps: decay_fraction of both together, at least
/// one.
int64_t decay_steps_after(const ScheduleConfig& schedule, int64_t steps_before);

/// A rank's vote goes to the device with a step and comes back, reduced over all ranks, when that
/// step's results are read: after the next step was enqueued. What a vote of step s decides
/// therefore holds from step s + kDecisionDelay on, on every rank alike.
inline constexpr int64_t kDecisionDelay = 2;

/// Where a run stands when `step` is about to be enqueued.
struct TimeLeft {
  int64_t step = 1;   ///< its vote is being cast
  double left_s = 0;  ///< until the deadline
  double step_s = 0;  ///< of a step of the full batch, evaluations included at their share
  double end_s = 0;   ///< what follows the last step: the last evaluation
};

/// The time that is kept free: a share of what is still to be trained, for steps that turn out
/// slower, and a second, for what ends a run.
inline constexpr double kMarginShare = 0.05;
inline constexpr double kMarginSeconds = 1;

/// The decay to begin at step + kDecisionDelay: decided as late as it can be, when the one of the
/// next step would no longer end in time. Absent before, and when no steps are left that the decay
/// of the whole run would not take anyway. A pure function, so that a resumed run decides the same.
std::optional<DecayPlan> decay_for_deadline(const ScheduleConfig& schedule, const TimeLeft& time);

}  // namespace isoflop
