// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/step_state.hpp"
#include "trainer/checkpoint/state_piece.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace isoflop {

/// What of StepState lives from step to step.
struct KeptStepState {
  StepState::LossScale loss_scale;
  int64_t n_update = 0;
};

/// The state of a rank as it was after a step, in host memory.
class StateCopy {
 public:
  /// beside: a copy, made on the readback stream while the next forward pass runs. in_place: no
  /// copy; only where device memory is the host's, and only until the next step.
  enum class Mode { beside, in_place };

  /// `n_elements` of the buffer (largest_saved_state), of which the pieces need at most all. Device
  /// and state must outlive this object. Throws OutOfMemoryError.
  StateCopy(Device& device, std::vector<StatePiece> pieces, const StepState* state,
            int64_t n_elements, Mode mode);

  /// Enqueues the copy of what the compute stream has written so far.
  void enqueue();
  /// To be called before the state is written again: the compute stream waits for the copy.
  void before_update() const { device_.wait(device_.compute_stream(), copied_); }
  /// The host waits for the copy.
  void wait() { device_.synchronize(copied_); }

  // Of the last copy, once it is over.
  std::span<const StatePiece> pieces() const { return host_; }
  KeptStepState kept() const;

 private:
  void place_copies(int64_t n_elements);

  Device& device_;
  std::vector<StatePiece> pieces_;
  const StepState* state_;
  Mode mode_;
  Buffer memory_;
  Buffer kept_;
  std::vector<StatePiece> host_;
  Event copied_;
};

}  // namespace isoflop
