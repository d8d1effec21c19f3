// SPDX-License-Identifier: MIT
// Copies and fills of the emulated CUDA runtime.
#include "emulation/cuda_handles.hpp"
#include "emulation/node.hpp"

#include <fmt/format.h>

#include <cstring>

using namespace isoflop::emulation;

namespace {

bool is_device_memory(const void* address) { return current_gpu().device.contains(address); }

/// Whether work in a stream of this GPU can reach the memory, and host code goes on meanwhile.
bool is_reachable(const void* address) {
  return is_device_memory(address) || current_gpu().pinned.contains(address);
}

cudaMemcpyKind kind_of(const void* out, const void* in) {
  if (is_device_memory(in))
    return is_device_memory(out) ? cudaMemcpyDeviceToDevice : cudaMemcpyDeviceToHost;
  return is_device_memory(out) ? cudaMemcpyHostToDevice : cudaMemcpyHostToHost;
}

Work work_of(const void* out, const void* in, int64_t bytes) {
  const bool reads = is_device_memory(in), writes = is_device_memory(out);
  return {.kind = WorkKind::copy,
          .read_bytes = reads ? bytes : 0,
          .written_bytes = writes ? bytes : 0,
          .host_bytes = reads && writes ? 0 : bytes};
}

bool overlap(const void* out, const void* in, size_t bytes) {
  const auto* const a = static_cast<const char*>(out);
  const auto* const b = static_cast<const char*>(in);
  return a < b + bytes && b < a + bytes;
}

}  // namespace

cudaError_t cudaMemcpyAsync(void* out, const void* in, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  constexpr auto kCall = "cudaMemcpyAsync";
  if (find_stream(stream, kCall) == nullptr) return cudaErrorInvalidResourceHandle;
  for (const void* const side : {static_cast<const void*>(out), in})
    if (!is_reachable(side)) return fail_cuda(cudaErrorInvalidValue, kCall, describe_address(side));
  if (kind != cudaMemcpyDefault && kind != kind_of(out, in))
    return fail_cuda(cudaErrorInvalidValue, kCall, "its kind does not fit the addresses");
  if (overlap(out, in, bytes))
    return fail_cuda(cudaErrorInvalidValue, kCall, "source and destination overlap");
  const auto size = static_cast<int64_t>(bytes);
  enqueue(stream, {.name = kCall,
                   .accesses = {reads(in, size), writes(out, size)},
                   .run = [out, in, bytes] { std::memcpy(out, in, bytes); },
                   .fingerprint = fmt::format("{} <- {}, {} bytes", out, in, bytes),
                   .work = work_of(out, in, size)});
  return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void* out, int value, size_t bytes, cudaStream_t stream) {
  constexpr auto kCall = "cudaMemsetAsync";
  if (find_stream(stream, kCall) == nullptr) return cudaErrorInvalidResourceHandle;
  if (!is_device_memory(out)) return fail_cuda(cudaErrorInvalidValue, kCall, describe_address(out));
  enqueue(stream, {.name = kCall,
                   .accesses = {writes(out, static_cast<int64_t>(bytes))},
                   .run = [out, value, bytes] { std::memset(out, value, bytes); },
                   .fingerprint = fmt::format("{} = {}, {} bytes", out, value, bytes),
                   .work = {.kind = WorkKind::set, .written_bytes = static_cast<int64_t>(bytes)}});
  return cudaSuccess;
}
