// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/device.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace isoflop {

/// Where a step's time went, seconds on the compute stream. Communication that the stream waited
/// for is part of the phase it happened in.
struct PhaseTimes {
  double step = 0;  ///< since the end of the step before; since its own start for the first step
                    ///< and after restart()
  double data = 0;  ///< until the batch was there
  double forward = 0;
  double backward = 0;   ///< head and loss included
  double optimizer = 0;  ///< waiting for the last reductions, clipping, update, what ranks tell
                         ///< each other of the step
};

/// Marks the phases of steps on the compute stream and reads them when the step is over, up to one
/// step late: marks of three steps are kept.
class StepTimer {
 public:
  /// For steps of at most `max_micro_steps`.
  StepTimer(Device& device, int64_t max_micro_steps);

  /// The device's time slots that it takes, from the first on.
  static int n_slots(int64_t max_micro_steps) {
    return static_cast<int>(kKeptSteps * (2 + 3 * max_micro_steps));
  }

  void begin_step(int64_t step, int64_t n_micro_steps);
  /// Something else ran since the last step: its time is not the next step's.
  void restart() { follows_on_ = false; }
  void end_data(int64_t micro_step) { mark(micro_slot(micro_step, 0)); }
  void end_forward(int64_t micro_step) { mark(micro_slot(micro_step, 1)); }
  void end_backward(int64_t micro_step) { mark(micro_slot(micro_step, 2)); }
  void end_step() { mark(end_slot(step_)); }

  /// The times of `step`, the current one or the one before, which must be over.
  PhaseTimes times(int64_t step) const;
  /// PhaseTimes::step of it; of the step before the last one too until the next begins.
  double step_seconds(int64_t step) const;

 private:
  static constexpr int64_t kKeptSteps = 3;

  static std::size_t kept(int64_t step) { return static_cast<std::size_t>(step % kKeptSteps); }
  int base(int64_t step) const { return static_cast<int>(step % kKeptSteps) * slots_per_step_; }
  int begin_slot(int64_t step) const { return base(step); }
  int end_slot(int64_t step) const { return base(step) + 1; }
  int micro_slot(int64_t micro_step, int phase) const {
    return micro_slot_of(step_, micro_step, phase);
  }
  int micro_slot_of(int64_t step, int64_t micro_step, int phase) const {
    return base(step) + 2 + static_cast<int>(micro_step) * 3 + phase;
  }
  void mark(int slot);

  Device& device_;
  std::array<int64_t, kKeptSteps> micro_steps_{};
  int slots_per_step_;
  int64_t step_ = 0;
  bool follows_on_ = false;                       // the next step starts where the one before ended
  std::array<bool, kKeptSteps> follows_on_of_{};  // the same of steps that have begun
};

}  // namespace isoflop
