// SPDX-License-Identifier: MIT
#include "trainer/comm/socket_collectives.hpp"

#include "core/base/check.hpp"
#include "trainer/comm/element_reduction.hpp"
#include "trainer/comm/exchange_contract.hpp"

#include <cstring>
#include <utility>

namespace isoflop {
namespace {

RingParts parts_of(TensorView tensor, int n_parts) {
  return {static_cast<std::byte*>(tensor.data), tensor.size(), size_of(tensor.dtype), n_parts};
}

std::span<std::byte> bytes_of(TensorView tensor) {
  return {static_cast<std::byte*>(tensor.data), static_cast<std::size_t>(tensor.bytes())};
}

void copy(void* out, TensorView in) {
  if (out != in.data && in.bytes() > 0)
    std::memcpy(out, in.data, static_cast<std::size_t>(in.bytes()));
}

std::vector<std::span<std::byte>> by_peer(std::span<const Message> messages, int size) {
  std::vector<std::span<std::byte>> result(static_cast<std::size_t>(size));
  for (const Message& message : messages)
    result[static_cast<std::size_t>(message.peer)] = bytes_of(message.view);
  return result;
}

std::vector<std::vector<std::span<std::byte>>> by_root(std::span<const Share> shares, int size) {
  std::vector<std::vector<std::span<std::byte>>> result(static_cast<std::size_t>(size));
  for (const Share& share : shares)
    result[static_cast<std::size_t>(share.root)].push_back(bytes_of(share.view));
  return result;
}

CallIdentity identity_of(const char* name, TensorView tensor) {
  return {.name = name, .n_elements = tensor.size(), .dtype = tensor.dtype};
}

/// Messages or shares together.
template <typename Item>
CallIdentity identity_of(const char* name, std::span<const Item> items) {
  CallIdentity identity{.name = name};
  for (const Item& item : items) identity.n_elements += item.view.size();
  if (!items.empty()) identity.dtype = items.front().view.dtype;
  return identity;
}

}  // namespace

SocketCollectives::SocketCollectives(CpuDevice& device, PeerLinks& links, const Layout& layout,
                                     Launch& launch)
    : links_(links),
      launch_(launch),
      calls_(device),
      groups_{grid_group(layout, links.rank(), Group::world),
              grid_group(layout, links.rank(), Group::shard),
              grid_group(layout, links.rank(), Group::replica)},
      scratch_(Ring::kScratch) {
  ISOFLOP_CHECK(links.size() == layout.world_size());
}

Event SocketCollectives::all_gather(TensorView out, TensorView in, Group group, Stream stream,
                                    Event after) {
  ISOFLOP_CHECK(out.dtype == in.dtype && out.size() == in.size() * size(group));
  return enqueue(identity_of("all_gather", out), group, stream, after, [=, this](const Ring& ring) {
    const RingParts parts = parts_of(out, size(group));
    copy(parts.part(rank(group)).data(), in);
    ring.all_gather(parts);
  });
}

Event SocketCollectives::reduce_scatter(TensorView out, TensorView in, ReduceOp op, Group group,
                                        Stream stream, Event after) {
  ISOFLOP_CHECK(out.dtype == in.dtype && in.size() == out.size() * size(group));
  const ElementReduction reduce = element_reduction(in.dtype, op);
  return enqueue(
      identity_of("reduce_scatter", in), group, stream, after, [=, this](const Ring& ring) {
        if (size(group) == 1)
          copy(out.data, in);
        else
          ring.reduce_scatter(static_cast<std::byte*>(out.data), parts_of(in, size(group)), reduce);
      });
}

Event SocketCollectives::all_reduce(TensorView out, TensorView in, ReduceOp op, Group group,
                                    Stream stream, Event after) {
  ISOFLOP_CHECK(out.dtype == in.dtype && out.size() == in.size());
  const ElementReduction reduce = element_reduction(in.dtype, op);
  return enqueue(identity_of("all_reduce", in), group, stream, after, [=, this](const Ring& ring) {
    if (size(group) == 1) return copy(out.data, in);
    const RingParts parts = parts_of(out, size(group));
    ring.reduce_scatter(parts.part(rank(group)).data(), parts_of(in, size(group)), reduce);
    ring.all_gather(parts);
  });
}

Event SocketCollectives::broadcast(TensorView inout, int root, Group group, Stream stream,
                                   Event after) {
  ISOFLOP_CHECK(root >= 0 && root < size(group));
  return enqueue(identity_of("broadcast", inout), group, stream, after,
                 [=](const Ring& ring) { ring.broadcast(bytes_of(inout), root); });
}

Event SocketCollectives::exchange(std::span<const Message> sends, std::span<const Message> receives,
                                  Group group, Stream stream, Event after) {
  const OwnMessage own = check_exchange(sends, receives, rank(group), size(group));
  return enqueue(identity_of("exchange", sends.empty() ? receives : sends), group, stream, after,
                 [own, sent = by_peer(sends, size(group)),
                  received = by_peer(receives, size(group))](const Ring& ring) {
                   copy(own.out.data, own.in);
                   ring.exchange(sent, received);
                 });
}

Event SocketCollectives::broadcast_each(std::span<const Share> shares, Group group, Stream stream,
                                        Event after) {
  check_shares(shares, size(group));
  return enqueue(
      identity_of("broadcast_each", shares), group, stream, after,
      [of_root = by_root(shares, size(group))](const Ring& ring) { ring.broadcast_each(of_root); });
}

Event SocketCollectives::enqueue(CallIdentity identity, Group group, Stream stream, Event after,
                                 std::function<void(const Ring&)> call) {
  identity.number = ++n_calls_;
  return calls_.enqueue(stream, after, [this, group, identity, call = std::move(call)] {
    call(Ring(links_, of(group), scratch_, identity));
  });
}

}  // namespace isoflop
