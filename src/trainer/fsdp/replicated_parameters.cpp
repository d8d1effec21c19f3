// SPDX-License-Identifier: MIT
#include "trainer/fsdp/replicated_parameters.hpp"

#include "trainer/fsdp/unit_buffer.hpp"

#include <utility>

namespace isoflop {

ReplicatedParameters::ReplicatedParameters(const Backend& backend, FlatLayout layout,
                                           Collectives& collectives, OptimizerKind optimizer)
    : ParameterEngine(backend, std::move(layout), 0, optimizer),
      backend_(backend),
      collectives_(collectives),
      no_scratch_(*backend.device, 0, MemoryCategory::workspace) {
  const FlatLayout& flat = shard().layout();
  ISOFLOP_CHECK(flat.n_shard == 1);
  if (backend.compute_dtype != backend.master_dtype)
    compute_params_ = backend.device->allocate(
        flat.total_shard_size * size_of(backend.compute_dtype), MemoryCategory::compute_parameters);
  for (const FlatUnit& unit : flat.units) {
    params_.push_back(
        unit_tensors(unit, params_in_use().flat_slice(unit.shard_offset, {unit.size})));
    grads_.push_back(
        unit_tensors(unit, shard().grads().flat_slice(unit.shard_offset, {unit.size})));
  }
}

TensorView ReplicatedParameters::params_in_use() const {
  if (backend_.compute_dtype == backend_.master_dtype) return shard().params();
  return compute_params_.view(backend_.compute_dtype, {shard().layout().total_shard_size});
}

UnitLease ReplicatedParameters::parameters(int64_t unit, Pass) {
  throw_kept_failure();
  return {this, unit, UnitLease::Kind::parameters, params_[static_cast<std::size_t>(unit)]};
}

UnitLease ReplicatedParameters::gradients(int64_t unit) {
  throw_kept_failure();
  return {this, unit, UnitLease::Kind::gradients, grads_[static_cast<std::size_t>(unit)]};
}

void ReplicatedParameters::begin_micro_step(MicroStep micro_step) {
  throw_kept_failure();
  micro_step_ = micro_step;
  const TensorView grads = shard().grads();
  Device& device = *backend_.device;
  if (micro_step.is_first()) device.zero(grads.data, grads.bytes(), device.compute_stream());
}

void ReplicatedParameters::release_gradients(int64_t unit) noexcept {
  if (!micro_step_.is_last()) return;
  keep_failure([&] {
    Device& device = *backend_.device;
    const TensorView grads = shard().grads_of(unit);
    // sum over the ranks that hold a copy of the model
    collectives_.all_reduce(grads, grads, ReduceOp::sum, Group::replica,
                            device.communication_stream(), device.record(device.compute_stream()));
  });
}

Event ReplicatedParameters::gradients_final() {
  throw_kept_failure();
  return backend_.device->record(backend_.device->communication_stream());
}

void ReplicatedParameters::parameters_changed() {
  if (backend_.compute_dtype == backend_.master_dtype) return;
  const Exec exec{*backend_.device, backend_.device->compute_stream(), no_scratch_};
  backend_.ops->cast(exec, params_in_use(), shard().params());
}

}  // namespace isoflop
