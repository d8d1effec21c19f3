// SPDX-License-Identifier: MIT
// Events of the emulated CUDA runtime, and the virtual time between them.
#include "emulation/cuda_handles.hpp"
#include "emulation/node.hpp"
#include "emulation/trace.hpp"

#include <fmt/format.h>

using namespace isoflop::emulation;

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* out, unsigned flags) {
  constexpr auto kCall = "cudaEventCreateWithFlags";
  if (!has_device(kCall)) return cudaErrorInvalidDevice;
  if (flags != cudaEventDefault && flags != cudaEventDisableTiming)
    return fail_cuda(cudaErrorInvalidValue, kCall, fmt::format("flags {}", flags));
  Gpu& gpu = current_gpu();
  auto event = std::make_unique<CUevent_st>();
  event->rank = gpu.rank;
  event->has_timing = flags == cudaEventDefault;
  *out = event.get();
  gpu.events.emplace(event.get(), std::move(event));
  ++gpu.counters.allocations;
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t handle) {
  CUevent_st* const event = find_event(handle, "cudaEventDestroy");
  if (event == nullptr) return cudaErrorInvalidResourceHandle;
  event->is_alive = false;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event_handle, cudaStream_t handle) {
  CUevent_st* const event = find_event(event_handle, "cudaEventRecord");
  CUstream_st* const stream = find_stream(handle, "cudaEventRecord");
  if (stream == nullptr || event == nullptr) return cudaErrorInvalidResourceHandle;
  if (stream->capture)
    return fail_cuda(cudaErrorStreamCaptureUnsupported, "cudaEventRecord",
                     fmt::format("{} captures: other streams could not await it", stream->name));
  ++stream->gpu->host_calls;
  event->mark = put_mark(*stream);
  if (executes()) trace_record(*stream);
  return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event_handle) {
  const CUevent_st* const event = find_event(event_handle, "cudaEventQuery");
  if (event == nullptr) return cudaErrorInvalidResourceHandle;
  return event->mark == nullptr || event->mark->is_reached ? cudaSuccess : cudaErrorNotReady;
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t from_handle,
                                 cudaEvent_t to_handle) {
  constexpr auto kCall = "cudaEventElapsedTime";
  const CUevent_st* const from = find_event(from_handle, kCall);
  const CUevent_st* const to = find_event(to_handle, kCall);
  if (from == nullptr || to == nullptr) return cudaErrorInvalidResourceHandle;
  for (const CUevent_st* const event : {from, to}) {
    if (!event->has_timing)
      return fail_cuda(cudaErrorInvalidResourceHandle, kCall,
                       "an event was created without timing");
    if (event->mark == nullptr)
      return fail_cuda(cudaErrorInvalidResourceHandle, kCall, "an event was never recorded");
    if (!Place{event->mark->stream->index, event->mark->number}.comes_before(current_gpu().known))
      return fail_cuda(cudaErrorNotReady, kCall,
                       fmt::format("no host wait makes sure that {} operation {} is over",
                                   event->mark->stream->name, event->mark->number));
  }
  constexpr float kNsPerMs = 1e6F;
  *milliseconds = static_cast<float>(to->mark->time_ns - from->mark->time_ns) / kNsPerMs;
  return cudaSuccess;
}
