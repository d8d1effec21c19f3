// SPDX-License-Identifier: MIT
// Streams of the emulated CUDA runtime, and what waits for them.
#include "emulation/cuda_handles.hpp"
#include "emulation/node.hpp"
#include "emulation/trace.hpp"

#include <fmt/format.h>

#include <algorithm>

using namespace isoflop::emulation;

namespace {

constexpr int kLowestPriority = 0;
constexpr int kHighestPriority = -5;

/// The first entry of clocks that no living stream has; kMaxStreams when there is none.
int free_index(const Gpu& gpu) {
  for (int index = 0; index < Clock::kMaxStreams; ++index)
    if (std::none_of(gpu.streams.begin(), gpu.streams.end(), [&](const auto& stream) {
          return stream->is_alive && stream->index == index;
        }))
      return index;
  return Clock::kMaxStreams;
}

void add_stream(Gpu& gpu, int index) {
  constexpr uint64_t kFastWeight = 16;
  auto stream = std::make_unique<CUstream_st>();
  stream->gpu = &gpu;
  stream->index = index;
  stream->name = fmt::format("stream {}", index);
  stream->weight = current_node().scheduler.draw(2) == 0 ? 1 : kFastWeight;
  stream->clock.seen[index] = std::ssize(gpu.labels[static_cast<std::size_t>(index)]);
  stream->trace_base = stream->clock.seen[index];
  gpu.streams.push_back(std::move(stream));
  ++gpu.counters.allocations;
}

/// The host waits until all these marks are reached.
cudaError_t wait_for(const std::vector<std::shared_ptr<Mark>>& marks, const std::string& what) {
  Gpu& gpu = current_gpu();
  const auto is_over = [&marks] {
    return std::all_of(marks.begin(), marks.end(),
                       [](const auto& mark) { return mark->is_reached; });
  };
  if (!current_node().scheduler.wait({.is_over = is_over, .what = what, .marks = marks}))
    return refuse_cuda(cudaErrorLaunchFailure);
  for (const auto& mark : marks) learn(gpu, *mark);
  return cudaSuccess;
}

/// Whether this call is the one of a fault.
bool is_faulty(int64_t call, int64_t dropped) { return current_rank() == 0 && call == dropped; }

}  // namespace

namespace isoflop::emulation {

void name_stream(cudaStream_t handle, const std::string& name) {
  if (CUstream_st* const stream = find_stream(handle, "name_stream")) stream->name = name;
}

cudaError_t wait_for_gpu(const std::string& call) {
  std::vector<std::shared_ptr<Mark>> marks;
  for (const auto& stream : current_gpu().streams)
    if (stream->is_alive) marks.push_back(put_mark(*stream));
  return wait_for(marks, call);
}

}  // namespace isoflop::emulation

cudaError_t cudaDeviceGetStreamPriorityRange(int* lowest, int* highest) {
  *lowest = kLowestPriority;
  *highest = kHighestPriority;
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* out, unsigned flags, int priority) {
  constexpr auto kCall = "cudaStreamCreateWithPriority";
  if (!has_device(kCall)) return cudaErrorInvalidDevice;
  if (flags != cudaStreamNonBlocking)
    return fail_cuda(cudaErrorInvalidValue, kCall, "a stream that waits for the default stream");
  if (priority > kLowestPriority || priority < kHighestPriority)
    return fail_cuda(cudaErrorInvalidValue, kCall, fmt::format("priority {}", priority));
  Gpu& gpu = current_gpu();
  const int index = free_index(gpu);
  if (index == Clock::kMaxStreams)
    return fail_cuda(cudaErrorInvalidValue, kCall, fmt::format("more than {} streams", index));
  add_stream(gpu, index);
  *out = gpu.streams.back().get();
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t handle) {
  CUstream_st* const stream = find_stream(handle, "cudaStreamDestroy");
  if (stream == nullptr) return cudaErrorInvalidResourceHandle;
  if (!stream->items.empty())
    return fail_cuda(cudaErrorNotReady, "cudaStreamDestroy",
                     fmt::format("{} has work left: {}", stream->name, describe_head(*stream)));
  stream->is_alive = false;
  renew_node_of_program();
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
  CUstream_st* const stream = find_stream(handle, "cudaStreamSynchronize");
  if (stream == nullptr) return cudaErrorInvalidResourceHandle;
  if (const cudaError_t refused = refuse_in_capture("cudaStreamSynchronize")) return refused;
  ++current_gpu().counters.host_waits;
  return wait_for({put_mark(*stream)}, fmt::format("cudaStreamSynchronize of {}", stream->name));
}

cudaError_t cudaDeviceSynchronize() {
  if (!has_device("cudaDeviceSynchronize")) return cudaErrorInvalidDevice;
  if (const cudaError_t refused = refuse_in_capture("cudaDeviceSynchronize")) return refused;
  ++current_gpu().counters.host_waits;
  return wait_for_gpu("cudaDeviceSynchronize");
}

cudaError_t cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t event_handle, unsigned flags) {
  constexpr auto kCall = "cudaStreamWaitEvent";
  CUstream_st* const stream = find_stream(handle, kCall);
  CUevent_st* const event = find_event(event_handle, kCall);
  if (stream == nullptr || event == nullptr) return cudaErrorInvalidResourceHandle;
  if (flags != cudaEventWaitDefault)
    return fail_cuda(cudaErrorInvalidValue, kCall, fmt::format("flags {}", flags));
  if (event->mark == nullptr)
    return fail_cuda(cudaErrorInvalidValue, kCall, "the event was never recorded");
  if (stream->capture)
    return fail_cuda(cudaErrorStreamCaptureIsolation, kCall,
                     fmt::format("{} captures, and the event is of no capture", stream->name));
  if (event->mark->stream == stream) return cudaSuccess;
  Gpu& gpu = *stream->gpu;
  ++gpu.host_calls;
  if (is_faulty(gpu.counters.stream_waits++, current_node().faults.drop_stream_wait))
    return cudaSuccess;
  if (executes()) trace_wait(*stream, *event->mark);
  stream->clock.join(event->mark->clock);
  stream->items.push_back(AwaitMark{event->mark});
  settle(gpu);
  return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t handle) {
  CUevent_st* const event = find_event(handle, "cudaEventSynchronize");
  if (event == nullptr) return cudaErrorInvalidResourceHandle;
  if (const cudaError_t refused = refuse_in_capture("cudaEventSynchronize")) return refused;
  Gpu& gpu = current_gpu();
  if (is_faulty(gpu.counters.host_waits++, current_node().faults.drop_host_wait))
    return cudaSuccess;
  if (is_faulty(gpu.counters.host_waits - 1, current_node().faults.fail_host_wait))
    return refuse_cuda(cudaErrorECCUncorrectable);
  if (event->mark == nullptr)
    return fail_cuda(cudaErrorInvalidValue, "cudaEventSynchronize", "the event was never recorded");
  return wait_for({event->mark}, fmt::format("cudaEventSynchronize for {} operation {}",
                                             event->mark->stream->name, event->mark->number));
}
