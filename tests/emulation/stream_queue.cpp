// SPDX-License-Identifier: MIT
#include "emulation/stream_queue.hpp"

#include "emulation/gpu.hpp"
#include "emulation/memory_protection.hpp"
#include "emulation/node.hpp"
#include "emulation/running.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace isoflop::emulation {
namespace {

/// Passes the item at the head, unless that is an operation or has to wait.
bool settle_head(CUstream_st& stream) {
  if (stream.items.empty()) return false;
  StreamItem& head = stream.items.front();
  if (const auto* reach = std::get_if<ReachMark>(&head)) {
    reach->mark->is_reached = true;
    reach->mark->time_ns = stream.time_ns;
  } else if (const auto* await = std::get_if<AwaitMark>(&head)) {
    if (!await->mark->is_reached) return false;
    stream.time_ns = std::max(stream.time_ns, await->mark->time_ns);
  } else {
    return false;
  }
  stream.items.pop_front();
  return true;
}

RunningOperation describe(const CUstream_st& stream, const QueuedOperation& queued) {
  return {.rank = stream.gpu->rank,
          .stream = stream.index,
          .number = queued.number,
          .name = queued.operation.name,
          .clock = queued.clock};
}

}  // namespace

void settle(Gpu& gpu) {
  for (bool changed = true; changed;) {
    changed = false;
    for (const auto& stream : gpu.streams)
      while (settle_head(*stream)) changed = true;
  }
}

QueuedOperation* head_operation(CUstream_st& stream) {
  return stream.items.empty() ? nullptr : std::get_if<QueuedOperation>(&stream.items.front());
}

bool is_runnable(CUstream_st& stream) {
  QueuedOperation* const head = head_operation(stream);
  return head != nullptr && (!head->operation.ready || head->operation.ready());
}

CUstream_st* stream_in_the_way_of(const Mark& mark) {
  const Mark* wanted = &mark;
  while (!wanted->is_reached) {
    auto* const stream = const_cast<CUstream_st*>(wanted->stream);
    const auto* const await = std::get_if<AwaitMark>(&stream->items.front());
    if (await == nullptr) return stream;
    wanted = await->mark.get();
  }
  return nullptr;
}

void execute_head(CUstream_st& stream) {
  const QueuedOperation queued = std::move(std::get<QueuedOperation>(stream.items.front()));
  stream.items.pop_front();
  if (executes()) {
    const RunningScope running(describe(stream, queued), *stream.gpu);
    bool in_bounds = true;
    for (const Access& access : queued.operation.accesses)
      in_bounds = check_access(access) && in_bounds;
    if (in_bounds && queued.operation.run) queued.operation.run();
  }
  stream.time_ns = std::max(stream.time_ns, queued.enqueued_ns) + queued.operation.duration_ns;
  settle(*stream.gpu);
}

std::string describe_head(CUstream_st& stream) {
  if (stream.items.empty()) return "";
  const std::string place = fmt::format("rank {}, {}", stream.gpu->rank, stream.name);
  if (const QueuedOperation* head = head_operation(stream))
    return fmt::format("{}: {} (operation {}) is {}", place, head->operation.name, head->number,
                       is_runnable(stream) ? "ready" : "not ready");
  const auto& await = std::get<AwaitMark>(stream.items.front());
  return fmt::format("{}: waits for {} operation {}", place, await.mark->stream->name,
                     await.mark->number);
}

}  // namespace isoflop::emulation
