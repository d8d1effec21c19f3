// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/emulation.hpp"
#include "emulation/memory.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace isoflop::emulation {

struct Gpu;

/// A place in a stream that hosts and other streams wait for: an event as recorded once.
struct Mark {
  const CUstream_st* stream = nullptr;
  int64_t number = 0;  ///< of the stream's operation before it, 0: none
  Clock clock;         ///< what comes before it
  bool is_reached = false;
  int64_t time_ns = 0;  ///< once reached
};

struct QueuedOperation {
  Operation operation;
  int64_t number = 0;
  Clock clock;
  int64_t enqueued_ns = 0;
};
/// The stream reaches a mark.
struct ReachMark {
  std::shared_ptr<Mark> mark;
};
/// The stream goes on after a mark of another.
struct AwaitMark {
  std::shared_ptr<const Mark> mark;
};
using StreamItem = std::variant<QueuedOperation, ReachMark, AwaitMark>;

}  // namespace isoflop::emulation

/// CUDA's own name for a stream: work in order.
struct CUstream_st {
  isoflop::emulation::Gpu* gpu = nullptr;
  int index = 0;  ///< entry of clocks
  std::string name;
  bool is_alive = true;
  uint64_t weight = 1;  ///< how often it is chosen in random order
  std::deque<isoflop::emulation::StreamItem> items;
  isoflop::emulation::Clock clock;  ///< what comes before work that is enqueued now
  int64_t time_ns = 0;              ///< virtual time at which its last executed work was over
  int64_t trace_base = 0;           ///< operations before the trace began
  /// While it captures: what has been enqueued since.
  std::optional<std::vector<isoflop::emulation::Operation>> capture;
};

/// CUDA's own name for an event.
struct CUevent_st {
  int rank = 0;
  bool has_timing = false;
  bool is_alive = true;
  std::shared_ptr<isoflop::emulation::Mark> mark;  ///< of the last record; null before the first
};

namespace isoflop::emulation {

/// A call of the host that enqueues work, which takes it some virtual time.
void count_call(Gpu& gpu);
/// Puts work at a stream's end.
void append(CUstream_st& stream, Operation operation);
/// Passes marks and fulfilled waits at the heads of a GPU's streams.
void settle(Gpu& gpu);
/// The operation at the stream's head; null when it is empty or waits for another stream.
QueuedOperation* head_operation(CUstream_st& stream);
/// Whether there is one that could run now.
bool is_runnable(CUstream_st& stream);
/// The stream whose head has to run next so that the mark is reached in the end.
CUstream_st* stream_in_the_way_of(const Mark& mark);
/// Runs the operation at the head of the stream.
void execute_head(CUstream_st& stream);
/// "compute: ncclAllReduce (operation 7) is not ready"; empty when nothing is enqueued.
std::string describe_head(CUstream_st& stream);

}  // namespace isoflop::emulation
