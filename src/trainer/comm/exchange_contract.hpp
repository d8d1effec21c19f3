// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/comm/collectives.hpp"

namespace isoflop {

/// What a rank sends itself; none where there is no such message.
struct OwnMessage {
  TensorView out, in;
};

/// Checks what an implementation of Collectives::exchange is given on `rank` of `size`.
OwnMessage check_exchange(std::span<const Message> sends, std::span<const Message> receives,
                          int rank, int size);
/// Checks what an implementation of Collectives::broadcast_each is given.
void check_shares(std::span<const Share> shares, int size);

}  // namespace isoflop
