// SPDX-License-Identifier: MIT
#include "trainer/fsdp/gradient_buffers.hpp"

#include <stdexcept>
#include <utility>

namespace isoflop {

GradientBuffers::GradientBuffers(const Backend& backend, const FlatShard& shard,
                                 Collectives& collectives)
    : backend_(backend),
      shard_(shard),
      collectives_(collectives),
      no_scratch_(*backend.device, 0, MemoryCategory::workspace) {
  const FlatLayout& layout = shard.layout();
  const auto add_slot = [&](int64_t size) {
    slots_.emplace_back(UnitBuffer(*backend.device, layout, size, backend.master_dtype,
                                   MemoryCategory::gradient_buffers));
  };
  add_slot(layout.max_streamed_size);
  add_slot(layout.max_streamed_size);
  if (layout.resident_size > 0) add_slot(layout.resident_size);
  reduced_shard_ = backend.device->allocate(
      layout.max_unit_size / layout.n_shard * size_of(backend.master_dtype),
      MemoryCategory::gradient_buffers);
}

std::span<const TensorView> GradientBuffers::acquire(int64_t unit) {
  Slot& slot = find_free(unit);
  slot.unit = unit;
  slot.last_use = ++n_use_;
  Device& device = *backend_.device;
  const TensorView flat = slot.buffer.flat(unit);
  device.wait(device.compute_stream(), slot.reduced);
  device.zero(flat.data, flat.bytes(), device.compute_stream());
  return slot.buffer.tensors(unit);
}

void GradientBuffers::release(int64_t unit, MicroStep micro_step) {
  Slot& slot = find_leased(unit);
  slot.unit.reset();
  Device& device = *backend_.device;
  const Stream stream = device.communication_stream();
  const TensorView sum = shard_.grads_of(unit);
  const TensorView out = micro_step.is_first() ? sum : reduced_shard_.view(sum.dtype, {sum.size()});
  // sum over the ranks that share one copy of the model
  slot.reduced =
      collectives_.reduce_scatter(out, slot.buffer.flat(unit), ReduceOp::sum, Group::shard, stream,
                                  device.record(device.compute_stream()));
  if (!micro_step.is_first()) backend_.ops->accumulate({device, stream, no_scratch_}, sum, out);
}

std::span<GradientBuffers::Slot> GradientBuffers::slots_for(int64_t unit) {
  const bool resident = unit == 0 && shard_.layout().resident_size > 0;
  return std::span(slots_).subspan(resident ? 2 : 0, resident ? 1 : 2);
}

GradientBuffers::Slot& GradientBuffers::find_free(int64_t unit) {
  Slot* oldest = nullptr;
  for (Slot& slot : slots_for(unit)) {
    ISOFLOP_CHECK(slot.unit != unit);
    if (!slot.unit && (oldest == nullptr || slot.last_use < oldest->last_use)) oldest = &slot;
  }
  if (oldest == nullptr) throw std::logic_error("gradients of more than two units are leased");
  return *oldest;
}

GradientBuffers::Slot& GradientBuffers::find_leased(int64_t unit) {
  for (Slot& slot : slots_for(unit))
    if (slot.unit == unit) return slot;
  throw std::logic_error("gradients of a unit are released that are not leased");
}

}  // namespace isoflop
