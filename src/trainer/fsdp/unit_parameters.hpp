// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/comm/collectives.hpp"
#include "trainer/fsdp/micro_step.hpp"
#include "trainer/model/parameter_source.hpp"
#include "trainer/tensor/tensor_view.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace isoflop {

/// Half of a ParameterEngine: where a rank finds the model's parameters. Units are those of the
/// model.
class UnitParameters {
 public:
  virtual ~UnitParameters() = default;

  virtual void begin_micro_step(MicroStep micro_step) = 0;
  /// The unit's tensors in compute dtype, ready on the compute stream, until release().
  virtual std::span<const TensorView> acquire(int64_t unit, Pass pass) = 0;
  virtual void release(int64_t unit) = 0;
  /// What is enqueued on the compute stream so far wrote FlatShard::n_early_unit() flat units of
  /// this rank's shard; changed() follows.
  virtual void early_units_changed() = 0;
  /// What is enqueued on the compute stream so far wrote this rank's shard.
  virtual void changed() = 0;
  /// Adds the buffers that collectives read or write.
  virtual void add_shared_buffers(std::vector<SharedBuffer>& buffers) const = 0;
};

}  // namespace isoflop
