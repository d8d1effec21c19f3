// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/accumulate.hpp"
#include "trainer/comm/collectives.hpp"
#include "trainer/fsdp/micro_step.hpp"
#include "trainer/tensor/tensor_view.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace isoflop {

/// Half of a ParameterEngine: where a rank's gradients go. Units are those of the model; reductions
/// run on the communication stream.
class UnitGradients {
 public:
  virtual ~UnitGradients() = default;

  virtual void begin_micro_step(MicroStep micro_step) = 0;
  /// The unit's accumulators in master dtype, ready on the compute stream, until release(): they
  /// hold what earlier micro steps added, or else zeros and, where matrices are, nothing.
  virtual std::span<const TensorView> acquire(int64_t unit) = 0;
  /// Whether matrices hold sums: UnitLease::accumulate_matrices.
  virtual Accumulate accumulate_matrices() const = 0;
  /// The unit's gradients of this micro step are what the compute stream has enqueued so far.
  virtual void release(int64_t unit) = 0;
  /// Adds the buffers that collectives read or write.
  virtual void add_shared_buffers(std::vector<SharedBuffer>& buffers) const = 0;
};

}  // namespace isoflop
