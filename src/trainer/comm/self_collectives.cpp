// SPDX-License-Identifier: MIT
#include "trainer/comm/self_collectives.hpp"

#include "core/base/check.hpp"
#include "trainer/comm/exchange_contract.hpp"

namespace isoflop {

Event SelfCollectives::all_gather(TensorView out, TensorView in, Group, Stream stream,
                                  Event after) {
  return copy(out, in, stream, after);
}

Event SelfCollectives::reduce_scatter(TensorView out, TensorView in, ReduceOp, Group, Stream stream,
                                      Event after) {
  return copy(out, in, stream, after);
}

Event SelfCollectives::all_reduce(TensorView out, TensorView in, ReduceOp, Group, Stream stream,
                                  Event after) {
  return copy(out, in, stream, after);
}

Event SelfCollectives::broadcast(TensorView inout, [[maybe_unused]] int root, Group, Stream stream,
                                 Event after) {
  ISOFLOP_CHECK(root == 0);
  return copy(inout, inout, stream, after);
}

Event SelfCollectives::exchange(std::span<const Message> sends, std::span<const Message> receives,
                                Group, Stream stream, Event after) {
  const OwnMessage own = check_exchange(sends, receives, 0, 1);
  return copy(own.out, own.in, stream, after);
}

Event SelfCollectives::broadcast_each(std::span<const Share> shares, Group, Stream stream,
                                      Event after) {
  check_shares(shares, 1);
  device_.wait(stream, after);
  return device_.record(stream);
}

Event SelfCollectives::copy(TensorView out, TensorView in, Stream stream, Event after) {
  ISOFLOP_CHECK(out.dtype == in.dtype && out.size() == in.size());
  device_.wait(stream, after);
  if (out.data != in.data) device_.copy(out.data, in.data, in.bytes(), stream);
  return device_.record(stream);
}

}  // namespace isoflop
