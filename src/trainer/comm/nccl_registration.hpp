// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/nccl_registration.hpp"
#include "trainer/backend/cuda/cuda_device.hpp"
#include "trainer/comm/collectives.hpp"
#include "trainer/comm/nccl_communicator.hpp"

#include <nccl.h>

#include <cstddef>
#include <vector>

namespace isoflop {

/// ncclMemAlloc and ncclMemFree: memory that NCCL can map on other GPUs of a node and hand to
/// network adapters, if the driver can. Sources: NCCL 2.28 user guide, "User Buffer Registration"
/// and "Memory Allocator".
CollectiveMemory nccl_memory();

/// What of `asked` the library that is loaded has: symmetric from 2.27 on, as the build has too.
NcclRegistration offered_registration(NcclRegistration asked);

/// Buffers that communicators know. Memory grows by what NCCL notes of each, not with the number of
/// ranks: local registration maps those of ranks that are neighbours when a collective first uses
/// them, windows map the buffers of the ranks of a node into addresses without memory of their own.
///
/// The rules it keeps: the same calls in the same order on every rank (a window takes all of them),
/// memory of ncclMemAlloc that starts at the start of a buffer, equal offsets into it on all ranks
/// but for a rank's own part of a collective in place, deregistration before the communicator and
/// the memory go.
class NcclRegisteredBuffers final : public RegisteredBuffers {
 public:
  /// `kind` as of offered_registration(), not off.
  explicit NcclRegisteredBuffers(NcclRegistration kind) : kind_(kind) {}
  NcclRegisteredBuffers(const NcclRegisteredBuffers&) = delete;
  NcclRegisteredBuffers& operator=(const NcclRegisteredBuffers&) = delete;
  /// Leaves them to the end of the process when an exception is on its way, like the communicators.
  ~NcclRegisteredBuffers() override;

  /// False when NCCL refuses or leaves it. symmetric: collective over the ranks of the
  /// communicator.
  bool add(const NcclCommunicator& communicator, const Buffer& buffer);
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    ncclComm_t communicator = nullptr;
    void* handle = nullptr;  ///< of ncclCommRegister, or an ncclWindow_t
  };

  NcclRegistration kind_;
  std::vector<Entry> entries_;
};

}  // namespace isoflop
