// SPDX-License-Identifier: MIT
#include "trainer/telemetry/step_timer.hpp"

#include "trainer/backend/cpu/cpu_device.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace isoflop {
namespace {

/// A device whose clock stands still unless told otherwise.
class ClockDevice final : public CpuDevice {
 public:
  ClockDevice() : CpuDevice({}) {}

  void advance(double seconds) { now_ += seconds; }
  void reserve_time_slots(int n) override { marks_.resize(static_cast<std::size_t>(n), -1.0); }
  void mark(TimeSlot slot, Stream) override {
    marks_.at(static_cast<std::size_t>(slot.index)) = now_;
  }
  double seconds_between(TimeSlot from, TimeSlot to) const override {
    return marks_.at(static_cast<std::size_t>(to.index)) -
           marks_.at(static_cast<std::size_t>(from.index));
  }

 private:
  double now_ = 0;
  std::vector<double> marks_;
};

/// A step whose phases last data, forward, backward (each micro step) and optimizer seconds.
struct Phases {
  double data, forward, backward, optimizer;
};

void run_step(StepTimer& timer, ClockDevice& device, int64_t step, int64_t n_micro_step,
              const Phases& phases) {
  timer.begin_step(step, n_micro_step);
  for (int64_t i = 0; i < n_micro_step; ++i) {
    device.advance(phases.data);
    timer.end_data(i);
    device.advance(phases.forward);
    timer.end_forward(i);
    device.advance(phases.backward);
    timer.end_backward(i);
  }
  device.advance(phases.optimizer);
  timer.end_step();
}

TEST(StepTimer, phases_are_summed_over_micro_steps) {
  ClockDevice device;
  StepTimer timer(device, 3);
  run_step(timer, device, 1, 3, {1, 2, 4, 8});
  const PhaseTimes times = timer.times(1);
  EXPECT_EQ(times.data, 3);
  EXPECT_EQ(times.forward, 6);
  EXPECT_EQ(times.backward, 12);
  EXPECT_EQ(times.optimizer, 8);
  EXPECT_EQ(times.step, 29);
}

TEST(StepTimer, a_step_lasts_from_the_end_of_the_step_before) {
  ClockDevice device;
  StepTimer timer(device, 1);
  run_step(timer, device, 1, 1, {1, 1, 1, 1});
  device.advance(10);
  run_step(timer, device, 2, 1, {1, 1, 1, 1});
  EXPECT_EQ(timer.times(2).step, 14);
}

TEST(StepTimer, after_a_restart_what_ran_between_is_not_the_steps) {
  ClockDevice device;
  StepTimer timer(device, 1);
  run_step(timer, device, 1, 1, {1, 1, 1, 1});
  timer.restart();
  device.advance(10);
  run_step(timer, device, 2, 1, {1, 1, 1, 1});
  run_step(timer, device, 3, 1, {1, 1, 1, 2});
  EXPECT_EQ(timer.times(2).step, 4);
  EXPECT_EQ(timer.times(3).step, 5);
}

TEST(StepTimer, times_can_be_read_while_the_next_step_runs) {
  ClockDevice device;
  StepTimer timer(device, 2);
  for (int64_t step = 1; step <= 7; ++step) {
    const auto duration = static_cast<double>(step);
    run_step(timer, device, step, 2, {duration, 0, 0, 0});
    if (step == 1) continue;
    EXPECT_EQ(timer.times(step - 1).data, 2 * (duration - 1)) << step;
    EXPECT_EQ(timer.times(step - 1).step, 2 * (duration - 1)) << step;
  }
}

// Restarted before each step, as by an evaluation after each.
TEST(StepTimer, the_seconds_of_a_step_are_there_until_the_second_next_begins) {
  ClockDevice device;
  StepTimer timer(device, 1);
  for (int64_t step = 1; step <= 7; ++step) {
    if (step > 2) {
      EXPECT_EQ(timer.step_seconds(step - 2), static_cast<double>(step - 2)) << step;
    }
    timer.restart();
    device.advance(10);
    run_step(timer, device, step, 1, {static_cast<double>(step), 0, 0, 0});
  }
}

TEST(StepTimer, steps_may_have_fewer_micro_steps_than_the_most) {
  ClockDevice device;
  StepTimer timer(device, 3);
  run_step(timer, device, 1, 1, {1, 2, 4, 8});
  run_step(timer, device, 2, 3, {1, 2, 4, 8});
  EXPECT_EQ(timer.times(1).forward, 2);
  EXPECT_EQ(timer.times(1).optimizer, 8);
  EXPECT_EQ(timer.times(2).forward, 6);
}

}  // namespace
}  // namespace isoflop
