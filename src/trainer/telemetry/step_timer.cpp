// SPDX-License-Identifier: MIT
#include "trainer/telemetry/step_timer.hpp"

namespace isoflop {

StepTimer::StepTimer(Device& device, int64_t max_micro_steps)
    : device_(device), slots_per_step_(static_cast<int>(2 + 3 * max_micro_steps)) {
  device_.reserve_time_slots(static_cast<int>(kKeptSteps) * slots_per_step_);
}

void StepTimer::begin_step(int64_t step, int64_t n_micro_steps) {
  step_ = step;
  micro_steps_[kept(step)] = n_micro_steps;
  if (!follows_on_) restarted_at_ = step;
  follows_on_ = true;
  mark(begin_slot(step));
}

PhaseTimes StepTimer::times(int64_t step) const {
  PhaseTimes times;
  int previous = begin_slot(step);
  const auto lap = [&](int slot) {
    const double seconds = device_.seconds_between({previous}, {slot});
    previous = slot;
    return seconds;
  };
  for (int64_t micro_step = 0; micro_step < micro_steps_[kept(step)]; ++micro_step) {
    times.data += lap(micro_slot_of(step, micro_step, 0));
    times.forward += lap(micro_slot_of(step, micro_step, 1));
    times.backward += lap(micro_slot_of(step, micro_step, 2));
  }
  times.optimizer = lap(end_slot(step));
  const int start = step == restarted_at_ ? begin_slot(step) : end_slot(step - 1);
  times.step = device_.seconds_between({start}, {end_slot(step)});
  return times;
}

void StepTimer::mark(int slot) { device_.mark({slot}, device_.compute_stream()); }

}  // namespace isoflop
