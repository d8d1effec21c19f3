// SPDX-License-Identifier: MIT
#include "trainer/comm/counting_collectives.hpp"

namespace isoflop::test {

void CountingCollectives::reset() {
  traffic_.clear();
  n_calls_.clear();
}

Event CountingCollectives::all_gather(TensorView out, TensorView in, Group group, Stream stream,
                                      Event after) {
  count_ring(CollectiveKind::all_gather, group, out);
  return inner_->all_gather(out, in, group, stream, after);
}

Event CountingCollectives::reduce_scatter(TensorView out, TensorView in, ReduceOp op, Group group,
                                          Stream stream, Event after) {
  count_ring(CollectiveKind::reduce_scatter, group, in);
  return inner_->reduce_scatter(out, in, op, group, stream, after);
}

Event CountingCollectives::all_reduce(TensorView out, TensorView in, ReduceOp op, Group group,
                                      Stream stream, Event after) {
  count_ring(CollectiveKind::all_reduce, group, in);
  return inner_->all_reduce(out, in, op, group, stream, after);
}

Event CountingCollectives::broadcast(TensorView inout, int root, Group group, Stream stream,
                                     Event after) {
  count_ring(CollectiveKind::broadcast, group, inout);
  return inner_->broadcast(inout, root, group, stream, after);
}

Event CountingCollectives::exchange(std::span<const Message> sends,
                                    std::span<const Message> receives, Group group, Stream stream,
                                    Event after) {
  int64_t bytes = 0;
  for (const Message& message : sends)
    if (message.peer != inner_->rank(group)) bytes += message.view.bytes();
  count(CollectiveKind::exchange, group, bytes);
  return inner_->exchange(sends, receives, group, stream, after);
}

Event CountingCollectives::broadcast_each(std::span<const Share> shares, Group group, Stream stream,
                                          Event after) {
  for (const Share& share : shares) count_ring(CollectiveKind::broadcast, group, share.view);
  return inner_->broadcast_each(shares, group, stream, after);
}

void CountingCollectives::count(CollectiveKind kind, Group group, int64_t bytes) {
  ++n_calls_[kind];
  add_traffic(traffic_, {kind, group, bytes});
}

}  // namespace isoflop::test
