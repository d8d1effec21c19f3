// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/address_space.hpp"
#include "emulation/pinned_guard.hpp"
#include "emulation/stream_queue.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

namespace isoflop::emulation {

/// An operation that was enqueued, for messages.
struct OperationLabel {
  std::string name;
  int64_t sequence = 0;  ///< place in the order of the host's calls
};

}  // namespace isoflop::emulation

/// CUDA's own name for a memory pool. All take from the same memory.
struct CUmemPoolHandle_st {
  int rank = 0;
  bool is_alive = true;
  int64_t used_bytes = 0;
  int64_t reserved_bytes = 0;  ///< never given back
};

namespace isoflop::emulation {

/// A rank's GPU, and what the rank's host code knows and has done.
struct Gpu {
  Gpu(int of_rank, int64_t device_addresses);

  int rank;
  AddressSpace device;
  AddressSpace pinned{"pinned allocation", page_bytes(), AddressSpace::kBytes};
  PinnedGuard pinned_guard;
  int64_t used_bytes = 0;  ///< of device memory

  std::vector<std::unique_ptr<CUstream_st>> streams;  ///< destroyed ones too
  std::unordered_map<const void*, std::unique_ptr<CUevent_st>> events;
  std::vector<std::unique_ptr<CUmemPoolHandle_st>> pools;
  std::array<std::vector<OperationLabel>, Clock::kMaxStreams> labels;  ///< by stream, number - 1
  /// Conflicts told of: later and earlier operation, allocation.
  std::set<std::tuple<Place, Place, const Allocation*>> reported;

  bool is_device_set = false;
  Clock known;          ///< what the host knows to be over
  int64_t time_ns = 0;  ///< virtual time of the host
  Counters counters;
  std::vector<std::string> trace;
  std::vector<TimelineEntry> timeline;
  int64_t n_nccl_calls = 0;  ///< collectives
  int64_t host_calls = 0;    ///< TimelineEntry::host_calls
  cudaError_t last_error = cudaSuccess;

  const OperationLabel& label(Place place) const {
    return labels[static_cast<std::size_t>(place.stream)]
                 [static_cast<std::size_t>(place.number - 1)];
  }
  void hold_memory(int64_t bytes) {
    used_bytes += bytes;
    counters.peak_bytes = std::max(counters.peak_bytes, used_bytes);
  }
  /// Of the live or last stream with this index.
  const std::string& stream_name(int index) const;
  /// "rmsnorm_forward (compute, operation 61)"
  std::string describe(Place place) const;
};

/// Puts a mark at the stream's end: it is reached when all enqueued so far is over.
std::shared_ptr<Mark> put_mark(CUstream_st& stream);
/// The host has waited for the mark.
void learn(Gpu& gpu, const Mark& mark);
/// Host code may touch pinned memory as far as what it knows allows.
void guard_pinned_memory(Gpu& gpu);

}  // namespace isoflop::emulation
