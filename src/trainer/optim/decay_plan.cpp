// SPDX-License-Identifier: MIT
#include "trainer/optim/decay_plan.hpp"

#include <algorithm>
#include <cmath>

namespace isoflop {
namespace {

/// The device may not have finished the step before the one that is about to be enqueued.
constexpr int64_t kUnfinishedSteps = 1;

/// Until the end of a run whose decay begins after `steps_before` steps, of which `steps_left` are
/// still to be trained; margins included.
double seconds_to_end(const ScheduleConfig& schedule, const TimeLeft& time, int64_t steps_before,
                      int64_t steps_left) {
  const int64_t steps = steps_left + decay_steps_after(schedule, steps_before);
  return static_cast<double>(steps) * time.step_s * (1 + kMarginShare) + time.end_s +
         kMarginSeconds;
}

}  // namespace

DecayPlan planned_decay(const ScheduleConfig& schedule) {
  const int64_t n_steps = schedule.decay_steps();
  return {schedule.steps - n_steps + 1, n_steps};
}

int64_t decay_steps_after(const ScheduleConfig& schedule, int64_t steps_before) {
  const double ratio = schedule.decay_fraction / (1 - schedule.decay_fraction);
  return std::max<int64_t>(1, std::llround(ratio * static_cast<double>(steps_before)));
}

std::optional<DecayPlan> decay_for_deadline(const ScheduleConfig& schedule, const TimeLeft& time) {
  const int64_t first = time.step + kDecisionDelay;
  if (first >= planned_decay(schedule).first_step) return std::nullopt;
  const double one_step_later =
      seconds_to_end(schedule, time, first, kUnfinishedSteps + kDecisionDelay + 1);
  if (one_step_later <= time.left_s) return std::nullopt;
  return DecayPlan{first, decay_steps_after(schedule, first - 1)};
}

}  // namespace isoflop
