// SPDX-License-Identifier: MIT
#include "emulation/cuda_handles.hpp"
#include "emulation/emulation.hpp"
#include "emulation/node.hpp"
#include "emulation/trace.hpp"

#include <iterator>
#include <utility>

namespace isoflop::emulation {
namespace {

int64_t next_number(CUstream_st& stream, const std::string& name) {
  auto& labels = stream.gpu->labels[static_cast<std::size_t>(stream.index)];
  labels.push_back({name, ++current_node().n_enqueued});
  return std::ssize(labels);
}

/// The host may not touch what the operation will, from now on.
void guard_against(const QueuedOperation& queued, CUstream_st& stream) {
  Gpu& gpu = *stream.gpu;
  for (const Access& access : queued.operation.accesses)
    if (access.bytes > 0 && gpu.pinned.contains(access.begin))
      gpu.pinned_guard.add(access, {stream.index, queued.number});
  guard_pinned_memory(gpu);
}

/// The GPU does nothing with it: what it would take is kept.
void keep(const QueuedOperation& queued, const CUstream_st& stream) {
  const Clock& clock = queued.clock;
  stream.gpu->timeline.push_back({.name = queued.operation.name,
                                  .work = queued.operation.work,
                                  .stream = stream.index,
                                  .number = queued.number,
                                  .after = {std::begin(clock.seen), std::end(clock.seen)},
                                  .host_calls = stream.gpu->host_calls});
}

}  // namespace

void count_call(Gpu& gpu) {
  ++gpu.host_calls;
  gpu.time_ns += current_node().options.enqueue_ns;
}

void append(CUstream_st& stream, Operation operation) {
  Gpu& gpu = *stream.gpu;
  ++gpu.counters.operations;
  QueuedOperation queued;
  queued.number = next_number(stream, operation.name);
  stream.clock.join(gpu.known);
  stream.clock.seen[stream.index] = queued.number;
  queued.clock = stream.clock;
  queued.enqueued_ns = gpu.time_ns;
  queued.operation = std::move(operation);
  if (executes()) {
    trace_operation(stream, queued.operation);
    guard_against(queued, stream);
  } else {
    keep(queued, stream);
  }
  stream.items.push_back(std::move(queued));
  current_node().scheduler.after_enqueue();
}

void enqueue(cudaStream_t handle, Operation operation) {
  CUstream_st* const stream = find_stream(handle, operation.name);
  if (stream == nullptr) return;
  count_call(*stream->gpu);
  if (stream->capture)
    stream->capture->push_back(std::move(operation));
  else
    append(*stream, std::move(operation));
}

std::vector<TimelineEntry> take_timeline(int rank) {
  return std::exchange(current_node().gpus.at(static_cast<std::size_t>(rank))->timeline, {});
}

}  // namespace isoflop::emulation
