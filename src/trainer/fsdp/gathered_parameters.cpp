// SPDX-License-Identifier: MIT
#include "trainer/fsdp/gathered_parameters.hpp"

#include "trainer/fsdp/gather_unit.hpp"

#include <stdexcept>
#include <utility>

namespace isoflop {

GatheredParameters::GatheredParameters(const Backend& backend, const FlatShard& shard,
                                       Collectives& collectives)
    : backend_(backend),
      shard_(shard),
      collectives_(collectives),
      slots_(*backend.device, shard.layout(), backend.compute_dtype, MemoryCategory::gathered),
      no_scratch_(*backend.device, 0, MemoryCategory::workspace) {}

std::span<const TensorView> GatheredParameters::acquire(int64_t unit, Pass pass) {
  const ModelUnit& place = shard_.layout().model_unit(unit);
  Slot* slot = slots_.find(place.flat_unit);
  if (slot == nullptr) {
    slot = find_free(place.flat_unit);
    if (slot == nullptr) throw std::logic_error("parameters of more than two units are leased");
    gather(place.flat_unit, *slot);
  }
  backend_.device->wait(backend_.device->compute_stream(), slot->gathered);
  ++slot->n_lease;
  slots_.note_use(*slot);
  wanted_ = next_unit(place.flat_unit, pass);
  prefetch();
  return slot->buffer.tensors(place);
}

void GatheredParameters::release(int64_t unit) {
  Slot* const slot = slots_.find(shard_.layout().model_unit(unit).flat_unit);
  ISOFLOP_CHECK(slot != nullptr && slot->n_lease > 0);
  if (--slot->n_lease > 0) return;
  slot->released = backend_.device->record(backend_.device->compute_stream());
  prefetch();
}

void GatheredParameters::early_units_changed() {
  changed();
  for (int64_t unit = 0; unit < shard_.n_early_unit(); ++unit) gather(unit, *find_free(unit));
  has_early_units_ = true;
}

/// What early_units_changed() gathered is of this change.
void GatheredParameters::changed() {
  written_ = backend_.device->record(backend_.device->compute_stream());
  wanted_.reset();
  if (std::exchange(has_early_units_, false)) return;
  for (Slot& slot : slots_.all()) {
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
  const int64_t lowest = micro_step_.is_last() ? layout.model_unit(1).flat_unit : 0;
  return unit > lowest ? std::optional(unit - 1) : std::nullopt;
}

void GatheredParameters::add_shared_buffers(std::vector<SharedBuffer>& buffers) const {
  for (const Slot& slot : slots_.all()) buffers.push_back({&slot.buffer.memory(), Group::shard});
  if (backend_.compute_dtype == backend_.master_dtype)
    buffers.push_back({&shard_.params_buffer(), Group::shard});
}

GatheredParameters::Slot* GatheredParameters::find_free(int64_t unit) {
  return slots_.find_free(unit, [](const Slot& slot) { return slot.n_lease == 0; });
}

void GatheredParameters::gather(int64_t unit, Slot& slot) {
  Device& device = *backend_.device;
  const Stream stream = device.communication_stream();
  slot.unit = unit;
  slots_.note_use(slot);
  device.wait(stream, slot.released);
  slot.gathered = gather_unit(backend_, shard_, collectives_, unit, slot.buffer.flat(unit),
                              written_, no_scratch_);
}

void GatheredParameters::prefetch() {
  if (!wanted_) return;
  Slot* const slot = slots_.find(*wanted_) != nullptr ? nullptr : find_free(*wanted_);
  if (slot != nullptr) gather(*wanted_, *slot);
  if (slots_.find(*wanted_) != nullptr) wanted_.reset();
}

}  // namespace isoflop
