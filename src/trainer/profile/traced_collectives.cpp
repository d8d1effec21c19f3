// SPDX-License-Identifier: MIT
#include "trainer/profile/traced_collectives.hpp"

namespace isoflop {
namespace {

TraceLabel label(std::string_view name, int64_t bytes) {
  return {.name = name, .bytes = bytes, .lane = TraceLane::communication};
}

/// Of messages or shares.
template <typename Items>
int64_t bytes_of(const Items& items) {
  int64_t bytes = 0;
  for (const auto& item : items) bytes += item.view.bytes();
  return bytes;
}

}  // namespace

void TracedCollectives::wait_for(Stream stream, Event after) {
  if (trace_.is_on()) device_.wait(stream, after);
}

Event TracedCollectives::all_gather(TensorView out, TensorView in, Group group, Stream stream,
                                    Event after) {
  wait_for(stream, after);
  const TraceScope scope(&trace_, label("all-gather", out.bytes()));
  return inner_->all_gather(out, in, group, stream, after);
}

Event TracedCollectives::reduce_scatter(TensorView out, TensorView in, ReduceOp op, Group group,
                                        Stream stream, Event after) {
  wait_for(stream, after);
  const TraceScope scope(&trace_, label("reduce-scatter", in.bytes()));
  return inner_->reduce_scatter(out, in, op, group, stream, after);
}

Event TracedCollectives::all_reduce(TensorView out, TensorView in, ReduceOp op, Group group,
                                    Stream stream, Event after) {
  wait_for(stream, after);
  const TraceScope scope(&trace_, label("all-reduce", in.bytes()));
  return inner_->all_reduce(out, in, op, group, stream, after);
}

Event TracedCollectives::broadcast(TensorView inout, int root, Group group, Stream stream,
                                   Event after) {
  wait_for(stream, after);
  const TraceScope scope(&trace_, label("broadcast", inout.bytes()));
  return inner_->broadcast(inout, root, group, stream, after);
}

Event TracedCollectives::exchange(std::span<const Message> sends, std::span<const Message> receives,
                                  Group group, Stream stream, Event after) {
  wait_for(stream, after);
  const TraceScope scope(&trace_, label("exchange", bytes_of(sends)));
  return inner_->exchange(sends, receives, group, stream, after);
}

Event TracedCollectives::broadcast_each(std::span<const Share> shares, Group group, Stream stream,
                                        Event after) {
  wait_for(stream, after);
  const TraceScope scope(&trace_, label("broadcast", bytes_of(shares)));
  return inner_->broadcast_each(shares, group, stream, after);
}

}  // namespace isoflop
