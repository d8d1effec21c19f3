// SPDX-License-Identifier: MIT
#include "trainer/telemetry/step_timer.hpp"

namespace isoflop {

StepTimer::StepTimer(Device& device, int64_t max_micro_steps)
    : device_(device), slots_per_step_(static_cast<int>(2 + 3 * max_micro_steps)) {
  device_.reserve_time_slots(n_slots(max_micro_steps));
}

void StepTimer::begin_step(int64_t step, int64_t n_micro_steps) {
  step_ = step;
  micro_steps_[kept(step)] = n_micro_steps;
  follows_on_of_[kept(step)] = follows_on_;
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
  times.step = step_seconds(step);
  return times;
}

double StepTimer::step_seconds(int64_t step) const {
  const int start = follows_on_of_[kept(step)] ? end_slot(step - 1) : begin_slot(step);
  return device_.seconds_between({start}, {end_slot(step)});
}

void StepTimer::mark(int slot) { device_.mark({slot}, device_.compute_stream()); }

}  // namespace isoflop
