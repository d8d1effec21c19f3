// SPDX-License-Identifier: MIT
#include "trainer/fsdp/whole_parameters.hpp"

#include "trainer/fsdp/gather_unit.hpp"
#include "trainer/fsdp/unit_buffer.hpp"

#include <utility>

namespace isoflop {

WholeParameters::WholeParameters(const Backend& backend, const FlatShard& shard,
                                 Collectives& collectives)
    : backend_(backend),
      shard_(shard),
      collectives_(collectives),
      gathered_(shard.layout().units.size()),
      no_scratch_(*backend.device, 0, MemoryCategory::workspace) {
  if (backend.compute_dtype != backend.master_dtype)
    copy_ = backend.device->allocate_for_collectives(
        shard.layout().total_size() * size_of(backend.compute_dtype),
        MemoryCategory::compute_parameters);
  tensors_ = model_unit_tensors(shard.layout(), all());
}

std::span<const TensorView> WholeParameters::acquire(int64_t unit, Pass) {
  const int64_t flat_unit = shard_.layout().model_unit(unit).flat_unit;
  Event& gathered = gathered_[static_cast<std::size_t>(flat_unit)];
  backend_.device->wait(backend_.device->compute_stream(), std::exchange(gathered, Event()));
  return tensors_[static_cast<std::size_t>(unit)];
}

void WholeParameters::changed() {
  Device& device = *backend_.device;
  if (shard_.layout().n_shard > 1) {
    const Event written = device.record(device.compute_stream());
    for (std::size_t unit = 0; unit < gathered_.size(); ++unit)
      gathered_[unit] = gather(static_cast<int64_t>(unit), written);
  } else if (copy_.data() != nullptr) {
    backend_.ops->cast({device, device.compute_stream(), no_scratch_}, all(), shard_.params());
  }
}

void WholeParameters::add_shared_buffers(std::vector<SharedBuffer>& buffers) const {
  if (shard_.layout().n_shard > 1)
    buffers.push_back({copy_.data() != nullptr ? &copy_ : &shard_.params_buffer(), Group::shard});
}

TensorView WholeParameters::all() const {
  if (copy_.data() == nullptr) return shard_.params();
  return copy_.view(backend_.compute_dtype, {shard_.layout().total_size()});
}

Event WholeParameters::gather(int64_t flat_unit, Event written) {
  const FlatUnit& unit = shard_.layout().units[static_cast<std::size_t>(flat_unit)];
  return gather_unit(backend_, shard_, collectives_, flat_unit,
                     all().flat_slice(unit.offset, {unit.size}), written, no_scratch_);
}

}  // namespace isoflop
