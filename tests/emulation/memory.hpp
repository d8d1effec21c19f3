// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/emulation.hpp"

#include <cstdint>
#include <string>

namespace isoflop::emulation {

/// Moments of one GPU's streams and its host code: entry i is the number of operations of stream i
/// that come before. Operation A comes before B when B's clock covers A's place in A's stream.
struct Clock {
  static constexpr int kMaxStreams = 8;
  int64_t seen[kMaxStreams] = {};
  void join(const Clock& other) {
    for (int i = 0; i < kMaxStreams; ++i)
      if (other.seen[i] > seen[i]) seen[i] = other.seen[i];
  }
};

/// The operation that is running, for checks and messages.
struct RunningOperation {
  int rank = 0;
  int stream = 0;      ///< index within the rank's GPU
  int64_t number = 0;  ///< place in the stream, from 1
  std::string name;
  Clock clock;  ///< what comes before it, itself included
};
/// Null when none is running.
const RunningOperation* running_operation();

/// Checks an access of the running operation: the memory must be allocated, belong to its GPU (or
/// be pinned), and every earlier conflicting access must come before the operation. Adds a finding
/// that names allocation, both operations and the missing order. Returns false when the access
/// would be out of bounds (the caller must not carry it out).
bool check_access(const Access& access);

/// check_access for single elements, as kernels make them by the million: the same checks, made
/// once per operation and stretch of memory.
bool check_element(const void* address, int64_t bytes, bool is_write);

/// "allocation 12 of rank 1 (4096 bytes) + 128", for messages.
std::string describe_address(const void* address);

}  // namespace isoflop::emulation
