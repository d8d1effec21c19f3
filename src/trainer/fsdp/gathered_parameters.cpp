// SPDX-License-Identifier: MIT
#include "trainer/fsdp/gathered_parameters.hpp"

#include <stdexcept>

namespace isoflop {

GatheredParameters::GatheredParameters(const Backend& backend, const FlatShard& shard,
                                       Collectives& collectives)
    : backend_(backend),
      shard_(shard),
      collectives_(collectives),
      no_scratch_(*backend.device, 0, MemoryCategory::workspace) {
  const FlatLayout& layout = shard.layout();
  const auto add_slot = [&](int64_t size) {
    slots_.emplace_back(
        UnitBuffer(*backend.device, layout, size, backend.compute_dtype, MemoryCategory::gathered));
  };
  add_slot(layout.max_streamed_size);
  add_slot(layout.max_streamed_size);
  if (layout.resident_size > 0) add_slot(layout.resident_size);
}

std::span<const TensorView> GatheredParameters::acquire(int64_t unit, Pass pass) {
  const ModelUnit& place = place_of(unit);
  Slot* slot = find(place.flat_unit);
  if (slot == nullptr) {
    slot = find_free(place.flat_unit);
    if (slot == nullptr) throw std::logic_error("parameters of more than two units are leased");
    gather(place.flat_unit, *slot);
  }
  backend_.device->wait(backend_.device->compute_stream(), slot->gathered);
  ++slot->n_lease;
  slot->last_use = ++n_use_;
  wanted_ = next_unit(place.flat_unit, pass);
  prefetch();
  return slot->buffer.tensors(place);
}

void GatheredParameters::release(int64_t unit) {
  Slot* const slot = find(place_of(unit).flat_unit);
  ISOFLOP_CHECK(slot != nullptr && slot->n_lease > 0);
  if (--slot->n_lease > 0) return;
  slot->released = backend_.device->record(backend_.device->compute_stream());
  prefetch();
}

void GatheredParameters::changed() {
  written_ = backend_.device->record(backend_.device->compute_stream());
  wanted_.reset();
  for (Slot& slot : slots_) {
    ISOFLOP_CHECK(slot.n_lease == 0);
    slot.unit.reset();
  }
}

/// Backward needs no parameters of the embedding; where that has a flat unit of its own, it is
/// fetched at the end of backward only for the forward pass of another micro step with the same
/// parameters.
std::optional<int64_t> GatheredParameters::next_unit(int64_t unit, Pass pass) const {
  const FlatLayout& layout = shard_.layout();
  if (pass == Pass::forward)
    return unit + 1 < std::ssize(layout.units) ? std::optional(unit + 1) : std::nullopt;
  const int64_t lowest = micro_step_.is_last() ? layout.model_units[1].flat_unit : 0;
  return unit > lowest ? std::optional(unit - 1) : std::nullopt;
}

std::span<GatheredParameters::Slot> GatheredParameters::slots_for(int64_t unit) {
  const bool resident = shard_.layout().is_resident(unit);
  return std::span(slots_).subspan(resident ? 2 : 0, resident ? 1 : 2);
}

GatheredParameters::Slot* GatheredParameters::find(int64_t unit) {
  for (Slot& slot : slots_for(unit))
    if (slot.unit == unit) return &slot;
  return nullptr;
}

GatheredParameters::Slot* GatheredParameters::find_free(int64_t unit) {
  Slot* oldest = nullptr;
  for (Slot& slot : slots_for(unit))
    if (slot.n_lease == 0 && (oldest == nullptr || slot.last_use < oldest->last_use))
      oldest = &slot;
  return oldest;
}

void GatheredParameters::gather(int64_t unit, Slot& slot) {
  Device& device = *backend_.device;
  const Stream stream = device.communication_stream();
  slot.unit = unit;
  slot.last_use = ++n_use_;
  device.wait(stream, slot.released);
  const TensorView out = slot.buffer.flat(unit);
  TensorView in = shard_.params_of(unit);
  if (out.dtype != in.dtype) {
    const TensorView mine = out.flat_slice(shard_.shard() * in.size(), {in.size()});
    device.wait(stream, written_);
    backend_.ops->cast({device, stream, no_scratch_}, mine, in);
    in = mine;
  }
  slot.gathered = collectives_.all_gather(out, in, Group::shard, stream, written_);
}

void GatheredParameters::prefetch() {
  if (!wanted_) return;
  Slot* const slot = find(*wanted_) != nullptr ? nullptr : find_free(*wanted_);
  if (slot != nullptr) gather(*wanted_, *slot);
  if (find(*wanted_) != nullptr) wanted_.reset();
}

}  // namespace isoflop
