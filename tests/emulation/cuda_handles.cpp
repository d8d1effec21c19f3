// SPDX-License-Identifier: MIT
#include "emulation/cuda_handles.hpp"

#include "emulation/findings.hpp"
#include "emulation/node.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace isoflop::emulation {
namespace {

/// The entry with this address in one GPU's list of what it ever handed out.
template <typename T>
T* find_in(const std::vector<std::unique_ptr<T>>& list, const void* handle) {
  const auto found = std::find_if(list.begin(), list.end(),
                                  [&](const auto& entry) { return entry.get() == handle; });
  return found == list.end() ? nullptr : found->get();
}

CUstream_st* find_in(const Gpu& gpu, cudaStream_t handle) { return find_in(gpu.streams, handle); }
CUmemPoolHandle_st* find_in(const Gpu& gpu, cudaMemPool_t handle) {
  return find_in(gpu.pools, handle);
}
CUevent_st* find_in(const Gpu& gpu, cudaEvent_t handle) {
  const auto entry = gpu.events.find(handle);
  return entry == gpu.events.end() ? nullptr : entry->second.get();
}

template <typename Handle>
Handle find_alive(Handle handle, const std::string& call, const char* kind) {
  const auto fail = [&](const std::string& problem) {
    fail_cuda(cudaErrorInvalidResourceHandle, call, problem);
    return Handle{};
  };
  if (!has_device(call)) return nullptr;
  for (const auto& gpu : current_node().gpus) {
    const Handle found = find_in(*gpu, handle);
    if (found == nullptr) continue;
    if (!found->is_alive) return fail(fmt::format("the {} was destroyed before", kind));
    if (gpu->rank != current_rank())
      return fail(fmt::format("the {} is rank {}'s", kind, gpu->rank));
    return found;
  }
  return fail(fmt::format("{} is not a {}", static_cast<const void*>(handle), kind));
}

}  // namespace

cudaError_t fail_cuda(cudaError_t status, const std::string& call, const std::string& problem) {
  add_finding(fmt::format("rank {}: {}: {}", current_rank(), call, problem));
  return refuse_cuda(status);
}

cudaError_t refuse_cuda(cudaError_t status) { return current_gpu().last_error = status; }

CUstream_st* find_stream(cudaStream_t handle, const std::string& call) {
  if (handle == nullptr || handle == cudaStreamLegacy || handle == cudaStreamPerThread) {
    fail_cuda(cudaErrorInvalidResourceHandle, call, "uses the default stream");
    return nullptr;
  }
  return find_alive(handle, call, "stream");
}

CUevent_st* find_event(cudaEvent_t handle, const std::string& call) {
  return find_alive(handle, call, "event");
}

CUmemPoolHandle_st* find_pool(cudaMemPool_t handle, const std::string& call) {
  return find_alive(handle, call, "memory pool");
}

cudaError_t refuse_in_capture(const std::string& call) {
  for (const auto& stream : current_gpu().streams)
    if (stream->capture)
      return fail_cuda(cudaErrorStreamCaptureUnsupported, call,
                       fmt::format("while {} captures", stream->name));
  return cudaSuccess;
}

bool has_device(const std::string& call) {
  if (!current_node().scheduler.is_own_thread()) {
    if (Scheduler::device_of_other_thread()) return true;
    fail_cuda(cudaErrorInvalidDevice, call, "in a thread without cudaSetDevice");
    return false;
  }
  if (current_rank() == 0 || current_gpu().is_device_set) return true;
  fail_cuda(cudaErrorInvalidDevice, call, "before cudaSetDevice, so on the GPU of rank 0");
  return false;
}

}  // namespace isoflop::emulation
