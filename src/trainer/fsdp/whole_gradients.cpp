// SPDX-License-Identifier: MIT
#include "trainer/fsdp/whole_gradients.hpp"

#include "trainer/fsdp/gradient_start.hpp"
#include "trainer/fsdp/unit_buffer.hpp"

namespace isoflop {

WholeGradients::WholeGradients(Device& device, const FlatShard& shard, Collectives& collectives)
    : device_(device),
      shard_(shard),
      collectives_(collectives),
      tensors_(model_unit_tensors(shard.layout(), shard.grads())) {
  ISOFLOP_CHECK(shard.layout().units.size() == shard.layout().model_units.size());
}

void WholeGradients::begin_micro_step(MicroStep micro_step) {
  micro_step_ = micro_step;
  if (!micro_step.is_first()) return;
  for (const FlatUnit& unit : shard_.layout().units)
    start_gradients(device_, unit, shard_.grads().flat_slice(unit.offset, {unit.size}));
}

void WholeGradients::add_shared_buffers(std::vector<SharedBuffer>& buffers) const {
  const Group group = shard_.layout().n_shard == 1 ? Group::replica : Group::shard;
  buffers.push_back({&shard_.grads_buffer(), group});
}

std::span<const TensorView> WholeGradients::acquire(int64_t unit) {
  return tensors_[static_cast<std::size_t>(unit)];
}

void WholeGradients::release(int64_t unit) {
  if (!micro_step_.is_last()) return;
  const FlatUnit& flat = shard_.layout().units[static_cast<std::size_t>(unit)];
  const TensorView whole = shard_.grads().flat_slice(flat.offset, {flat.size});
  const Stream stream = device_.communication_stream();
  const Event final = device_.record(device_.compute_stream());
  if (shard_.layout().n_shard == 1) {
    // sum over the ranks that hold a copy of the model
    collectives_.all_reduce(whole, whole, ReduceOp::sum, Group::replica, stream, final);
  } else {
    // sum over the ranks that share the optimizer's work
    collectives_.reduce_scatter(shard_.grads_of(unit), whole, ReduceOp::sum, Group::shard, stream,
                                final);
  }
}

}  // namespace isoflop
