// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/nccl_clique.hpp"

#include <functional>

namespace isoflop::emulation {

/// One rank's half of a message: ncclSend or ncclRecv.
struct NcclTransfer {
  NcclMessage message;
  bool is_send = false;
  int peer = 0;
  std::byte* buffer = nullptr;
  cudaStream_t stream = nullptr;
  ncclComm* communicator = nullptr;
  std::shared_ptr<NcclRegion> region = {};  ///< null where the buffer is not registered
};

/// Puts messages that are under way together into their streams: nothing is received before every
/// peer has come to its half.
void enqueue_transfers(const std::vector<NcclTransfer>& transfers);

/// A collective call of the current rank: enqueued now, or at the end of its group.
void start_or_defer(std::function<void()> enqueue_call);
/// A message, likewise; those of a group are under way together.
void start_or_defer(const NcclTransfer& transfer);

}  // namespace isoflop::emulation
