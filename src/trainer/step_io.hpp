// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/device.hpp"
#include "trainer/backend/step_state.hpp"
#include "trainer/comm/collectives.hpp"
#include "trainer/optim/optimizer.hpp"

#include <array>
#include <cstdint>
#include <span>

namespace isoflop {

/// What a finished step left, on the host.
struct StepReadback {
  StepState::Output output;          ///< losses and votes over all ranks
  std::span<const double> sums;      ///< (n_tensors, 3) of the gradients
  std::span<const double> extremes;  ///< (n_tensors, 2) of the gradients
};

/// Moves a step's varying values to the device and its results back without a wait inside the step:
/// two pinned slots each way, results are read one step late.
class StepIo {
 public:
  StepIo(Device& device, Collectives& collectives, const TensorStatistics& gradients);

  /// The state on the device, at a fixed address.
  StepState* state() const { return static_cast<StepState*>(state_.data()); }
  /// Where head_loss adds this rank's losses.
  TensorView loss_sums() const;

  /// Before the first step, or as a checkpoint has it; makes the host wait. 1 without.
  void set_loss_scale(const StepState::LossScale& loss_scale);
  /// Enqueues the step's inputs and zeroes its outputs.
  void begin(const StepState::Input& input);
  /// Enqueues the sum of loss and votes over all ranks and the copy of all results to the
  /// host.
  void end(int64_t step);
  /// Results of `step`, the last ended or the one before; makes the host wait for that step. Valid
  /// until the second next end().
  StepReadback wait(int64_t step);

 private:
  Device& device_;
  Collectives& collectives_;
  TensorStatistics gradients_;
  Buffer state_;
  struct Slot {
    Buffer input;
    Buffer output;
    Buffer statistics;  // sums, then extremes
    Event copied;
  };
  Slot& slot(int64_t step) { return slots_[static_cast<std::size_t>(step % 2)]; }
  std::array<Slot, 2> slots_;
};

}  // namespace isoflop
