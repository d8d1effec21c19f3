// SPDX-License-Identifier: MIT
#include "trainer/fsdp/streamed_gradients.hpp"

#include "trainer/fsdp/gradient_start.hpp"

#include <stdexcept>
#include <utility>

namespace isoflop {

StreamedGradients::StreamedGradients(const Backend& backend, const FlatShard& shard,
                                     Collectives& collectives)
    : backend_(backend),
      shard_(shard),
      collectives_(collectives),
      slots_(*backend.device, shard.layout(), backend.master_dtype,
             MemoryCategory::gradient_buffers),
      reduced_shard_(backend.device->allocate_for_collectives(
          shard.layout().max_unit_size / shard.layout().n_shard * size_of(backend.master_dtype),
          MemoryCategory::gradient_buffers)),
      no_scratch_(*backend.device, 0, MemoryCategory::workspace) {}

void StreamedGradients::add_shared_buffers(std::vector<SharedBuffer>& buffers) const {
  for (const Slot& slot : slots_.all()) buffers.push_back({&slot.buffer.memory(), Group::shard});
  buffers.push_back({&reduced_shard_, Group::shard});
  buffers.push_back({&shard_.grads_buffer(), Group::shard});
  if (collectives_.size(Group::replica) > 1)
    buffers.push_back({&shard_.grads_buffer(), Group::replica});
}

std::span<const TensorView> StreamedGradients::acquire(int64_t unit) {
  const ModelUnit& place = shard_.layout().model_unit(unit);
  Slot* slot = slots_.find(place.flat_unit);
  if (slot == nullptr) {
    slot = slots_.find_free(place.flat_unit, [](const Slot& other) { return !other.unit; });
    if (slot == nullptr) throw std::logic_error("gradients of more than two units are leased");
    start(place.flat_unit, *slot);
  }
  ISOFLOP_CHECK(slot->n_leased < shard_.layout().unit_of(place).n_model_unit);
  ++slot->n_leased;
  return slot->buffer.tensors(place);
}

void StreamedGradients::release(int64_t unit) {
  const ModelUnit& place = shard_.layout().model_unit(unit);
  Slot* const slot = slots_.find(place.flat_unit);
  if (slot == nullptr)
    throw std::logic_error("gradients of a unit are released that are not leased");
  if (++slot->n_released == shard_.layout().unit_of(place).n_model_unit) reduce(*slot);
}

void StreamedGradients::start(int64_t unit, Slot& slot) {
  slot.unit = unit;
  slot.n_leased = slot.n_released = 0;
  slots_.note_use(slot);
  Device& device = *backend_.device;
  const TensorView flat = slot.buffer.flat(unit);
  device.wait(device.compute_stream(), slot.reduced);
  start_gradients(device, shard_.layout().units[static_cast<std::size_t>(unit)], flat);
}

void StreamedGradients::reduce(Slot& slot) {
  const int64_t unit = *std::exchange(slot.unit, std::nullopt);
  Device& device = *backend_.device;
  const Stream stream = device.communication_stream();
  const TensorView sum = shard_.grads_of(unit);
  const TensorView out =
      micro_step_.is_first() ? sum : reduced_shard_.view(sum.dtype, {sum.size()});
  // sum over the ranks that share one copy of the model
  slot.reduced =
      collectives_.reduce_scatter(out, slot.buffer.flat(unit), ReduceOp::sum, Group::shard, stream,
                                  device.record(device.compute_stream()));
  if (!micro_step_.is_first()) backend_.ops->accumulate({device, stream, no_scratch_}, sum, out);
  // sum over the copies of the model
  if (micro_step_.is_last() && collectives_.size(Group::replica) > 1)
    collectives_.all_reduce(sum, sum, ReduceOp::sum, Group::replica, stream, slot.reduced);
}

}  // namespace isoflop
