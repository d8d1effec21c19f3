// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/device.hpp"
#include "trainer/backend/step_state.hpp"
#include "trainer/comm/collectives.hpp"
#include "trainer/optim/tensor_statistics.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace isoflop {

/// What a finished step left, on the host.
struct StepReadback {
  StepState::Output output;          ///< losses and votes over all ranks
  std::span<const double> sums;      ///< (n_tensor, 3) of the gradients
  std::span<const double> extremes;  ///< (n_tensor, 2) of the gradients
  std::span<const double> norms;     ///< (n_tensor, 2) as TensorStatistics::norms, over all ranks:
                                     ///< each replica adds the whole
  std::span<const double> rank_times;   ///< (n_rank, 2) of RankTimes, in step rank_times_step
  int64_t rank_times_step = 0;          ///< 0: no step was over yet
  std::span<const double> rank_losses;  ///< (n_rank): loss sum of each rank's tokens
  RankMemory memory;                    ///< the most over ranks
  CheckpointProgress checkpoint;        ///< likewise
};

/// Moves a step's varying values to the device and its results back without a wait inside the step:
/// two pinned slots each way, results are read one step late. What ranks tell each other of a step
/// takes one sum and one maximum over the world.
class StepIo {
 public:
  StepIo(Device& device, Collectives& collectives, int64_t n_tensor);

  /// The state on the device, at a fixed address.
  StepState* state() const { return static_cast<StepState*>(memory_.data()); }
  /// Where head_loss adds this rank's losses.
  TensorView loss_sums() const;
  /// Where the optimizer leaves what it finds out about tensors.
  const TensorStatistics& statistics() const { return statistics_; }

  /// Before the first step, or as a checkpoint has it; makes the host wait. 1 without.
  void set_loss_scale(const StepState::LossScale& loss_scale);
  /// Updates applied so far, as a checkpoint has it; makes the host wait. 0 without.
  void set_n_update(int64_t n_update);
  /// Enqueues the step's inputs and zeroes its outputs.
  void begin(const StepState::Input& input);
  /// Enqueues the two reductions over all ranks, behind the update.
  void reduce();
  /// Enqueues the copy of all results to the host.
  void end(int64_t step);
  /// Results of `step`, the last ended or the one before; makes the host wait for that step. Valid
  /// until the second next end().
  StepReadback wait(int64_t step);

 private:
  struct Slot {
    Buffer input;
    Buffer results;
    Event copied;
  };
  /// The host waits.
  void upload(void* out, const void* in, std::size_t bytes);
  Slot& slot(int64_t step) { return slots_[static_cast<std::size_t>(step % 2)]; }
  /// Bytes from the first result, StepState::output, to `end`.
  int64_t bytes_to(const void* end) const;
  /// A result on the host.
  std::span<const double> on_host(const Slot& slot, const TensorView& result) const;

  Device& device_;
  Collectives& collectives_;
  Buffer memory_;  // StepState, then in this order:
  TensorStatistics statistics_;
  TensorView rank_times_;       // (n_rank, 2), this rank's row before the sum; follows the norms
  TensorView rank_losses_;      // (n_rank), likewise
  TensorView rank_memory_;      // (3); follows the extremes
  TensorView summed_;           // losses, votes, norms, rank times, rank losses
  TensorView rank_checkpoint_;  // (2); follows the memory
  TensorView compared_;         // extremes, memory, checkpoint
  std::array<Slot, 2> slots_;
};

}  // namespace isoflop
