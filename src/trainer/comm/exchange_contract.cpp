// SPDX-License-Identifier: MIT
#include "trainer/comm/exchange_contract.hpp"

#include "core/base/check.hpp"

#include <vector>

namespace isoflop {
namespace {

/// The view of the message of `rank`, after a check of all.
TensorView check_messages(std::span<const Message> messages, int rank, int size) {
  std::vector<bool> is_taken(static_cast<std::size_t>(size));
  TensorView own;
  for (const Message& message : messages) {
    ISOFLOP_CHECK(message.peer >= 0 && message.peer < size);
    ISOFLOP_CHECK(message.view.size() > 0 && message.view.is_contiguous());
    ISOFLOP_CHECK(!is_taken[static_cast<std::size_t>(message.peer)]);
    is_taken[static_cast<std::size_t>(message.peer)] = true;
    if (message.peer == rank) own = message.view;
  }
  return own;
}

}  // namespace

OwnMessage check_exchange(std::span<const Message> sends, std::span<const Message> receives,
                          int rank, int size) {
  const OwnMessage own{.out = check_messages(receives, rank, size),
                       .in = check_messages(sends, rank, size)};
  ISOFLOP_CHECK(static_cast<bool>(own.out) == static_cast<bool>(own.in));
  ISOFLOP_CHECK(own.out.dtype == own.in.dtype && own.out.size() == own.in.size());
  return own;
}

void check_shares(std::span<const Share> shares, int size) {
  for (const Share& share : shares) {
    ISOFLOP_CHECK(share.root >= 0 && share.root < size);
    ISOFLOP_CHECK(share.view.size() > 0 && share.view.is_contiguous());
  }
}

}  // namespace isoflop
