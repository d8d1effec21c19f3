// SPDX-License-Identifier: MIT
// Memory of the emulated CUDA runtime: stream-ordered from pools, and pinned.
#include "emulation/cuda_handles.hpp"
#include "emulation/node.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

using namespace isoflop::emulation;

namespace {

/// A quiet NaN in every floating-point format.
constexpr int kPoison = 0xff;

void poison(const Allocation& allocation) {
  std::memset(allocation.begin, kPoison, static_cast<std::size_t>(allocation.bytes));
}

/// Allocation and release are operations that spoil the memory: whoever uses it must come after the
/// first and before the second.
Operation poisoning(const char* name, const Allocation& allocation) {
  return {
      .name = name,
      .accesses = {spoils(allocation.begin, allocation.bytes)},
      .run = [&allocation] { poison(allocation); },
      .fingerprint = fmt::format("{} of {} bytes", fmt::ptr(allocation.begin), allocation.bytes)};
}

/// The allocation that `memory` is the start of; null, and a finding, if there is none to free.
Allocation* find_to_free(AddressSpace& space, void* memory, const char* call) {
  Allocation* const allocation = space.find(memory);
  if (allocation == nullptr || allocation->begin != memory)
    fail_cuda(cudaErrorInvalidValue, call,
              fmt::format("{} is not the start of memory of this GPU", describe_address(memory)));
  else if (allocation->is_given_back)
    fail_cuda(cudaErrorInvalidValue, call,
              fmt::format("{} was freed before", space.describe(memory)));
  else
    return allocation;
  return nullptr;
}

}  // namespace

cudaError_t cudaMemPoolCreate(cudaMemPool_t* out, const cudaMemPoolProps* properties) {
  constexpr auto kCall = "cudaMemPoolCreate";
  if (!has_device(kCall)) return cudaErrorInvalidDevice;
  Gpu& gpu = current_gpu();
  if (properties->allocType != cudaMemAllocationTypePinned ||
      properties->handleTypes != cudaMemHandleTypeNone ||
      properties->location.type != cudaMemLocationTypeDevice || properties->location.id != gpu.rank)
    return fail_cuda(cudaErrorInvalidValue, kCall, "not a plain pool of this rank's GPU");
  gpu.pools.push_back(std::make_unique<CUmemPoolHandle_st>());
  gpu.pools.back()->rank = gpu.rank;
  *out = gpu.pools.back().get();
  return cudaSuccess;
}

cudaError_t cudaMemPoolDestroy(cudaMemPool_t handle) {
  CUmemPoolHandle_st* const pool = find_pool(handle, "cudaMemPoolDestroy");
  if (pool == nullptr) return cudaErrorInvalidResourceHandle;
  pool->is_alive = false;
  renew_node_of_program();
  return cudaSuccess;
}

cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t handle, cudaMemPoolAttr which, void* value) {
  constexpr auto kCall = "cudaMemPoolSetAttribute";
  if (find_pool(handle, kCall) == nullptr) return cudaErrorInvalidResourceHandle;
  if (which != cudaMemPoolAttrReleaseThreshold || *static_cast<uint64_t*>(value) != UINT64_MAX)
    return fail_cuda(cudaErrorInvalidValue, kCall,
                     fmt::format("attribute {} or its value", static_cast<int>(which)));
  return cudaSuccess;
}

cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t handle, cudaMemPoolAttr which, void* value) {
  constexpr auto kCall = "cudaMemPoolGetAttribute";
  const CUmemPoolHandle_st* const pool = find_pool(handle, kCall);
  if (pool == nullptr) return cudaErrorInvalidResourceHandle;
  if (which != cudaMemPoolAttrReservedMemCurrent)
    return fail_cuda(cudaErrorInvalidValue, kCall,
                     fmt::format("attribute {}", static_cast<int>(which)));
  *static_cast<uint64_t*>(value) = static_cast<uint64_t>(pool->reserved_bytes);
  return cudaSuccess;
}

cudaError_t cudaMallocFromPoolAsync(void** out, size_t bytes, cudaMemPool_t pool_handle,
                                    cudaStream_t stream) {
  constexpr auto kCall = "cudaMallocFromPoolAsync";
  CUmemPoolHandle_st* const pool = find_pool(pool_handle, kCall);
  if (pool == nullptr || find_stream(stream, kCall) == nullptr)
    return cudaErrorInvalidResourceHandle;
  if (const cudaError_t refused = refuse_in_capture(kCall)) return refused;
  if (bytes == 0) return fail_cuda(cudaErrorInvalidValue, kCall, "0 bytes");
  Gpu& gpu = current_gpu();
  const auto size = static_cast<int64_t>(bytes);
  if (size > current_node().options.memory_bytes - gpu.used_bytes)
    return refuse_cuda(cudaErrorMemoryAllocation);
  gpu.hold_memory(size);
  ++gpu.counters.allocations;
  pool->used_bytes += size;
  pool->reserved_bytes = std::max(pool->reserved_bytes, pool->used_bytes);
  Allocation& allocation = gpu.device.allocate(size);
  allocation.pool = pool;
  *out = allocation.begin;
  enqueue(stream, poisoning(kCall, allocation));
  return cudaSuccess;
}

cudaError_t cudaFreeAsync(void* memory, cudaStream_t handle) {
  constexpr auto kCall = "cudaFreeAsync";
  const CUstream_st* const stream = find_stream(handle, kCall);
  if (stream == nullptr) return cudaErrorInvalidResourceHandle;
  if (const cudaError_t refused = refuse_in_capture(kCall)) return refused;
  Gpu& gpu = current_gpu();
  Allocation* const allocation = find_to_free(gpu.device, memory, kCall);
  if (allocation == nullptr) return cudaErrorInvalidValue;
  if (allocation->pool == nullptr)
    return fail_cuda(cudaErrorInvalidValue, kCall,
                     fmt::format("{} is of ncclMemAlloc", gpu.device.describe(memory)));
  allocation->is_given_back = true;
  gpu.used_bytes -= allocation->bytes;
  allocation->pool->used_bytes -= allocation->bytes;
  Operation operation = poisoning(kCall, *allocation);
  operation.run = [allocation, &gpu] {
    poison(*allocation);
    const RunningOperation& self = *running_operation();
    allocation->freed_by = gpu.describe({self.stream, self.number});
  };
  enqueue(handle, std::move(operation));
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t* available, size_t* total) {
  if (!has_device("cudaMemGetInfo")) return cudaErrorInvalidDevice;
  const int64_t all = current_node().options.memory_bytes;
  *total = static_cast<size_t>(all);
  *available = static_cast<size_t>(all - current_gpu().used_bytes);
  return cudaSuccess;
}

cudaError_t cudaMallocHost(void** out, size_t bytes) {
  if (!has_device("cudaMallocHost")) return cudaErrorInvalidDevice;
  if (const cudaError_t refused = refuse_in_capture("cudaMallocHost")) return refused;
  if (bytes == 0) return fail_cuda(cudaErrorInvalidValue, "cudaMallocHost", "0 bytes");
  if (current_rank() == current_node().faults.refuse_pinned_memory_of)
    return refuse_cuda(cudaErrorMemoryAllocation);
  Gpu& gpu = current_gpu();
  ++gpu.counters.allocations;
  const Allocation& allocation = gpu.pinned.allocate(static_cast<int64_t>(bytes));
  protect_range(allocation.begin, whole_pages(allocation.bytes), RangeUse::read_write);
  if (executes()) poison(allocation);
  *out = allocation.begin;
  return cudaSuccess;
}

cudaError_t cudaFreeHost(void* memory) {
  constexpr auto kCall = "cudaFreeHost";
  Gpu& gpu = current_gpu();
  Allocation* const allocation = find_to_free(gpu.pinned, memory, kCall);
  if (allocation == nullptr) return cudaErrorInvalidValue;
  if (const auto* const use = gpu.pinned_guard.use_of(allocation->begin, allocation->end()))
    return fail_cuda(cudaErrorInvalidValue, kCall,
                     fmt::format("{} may still use {}; no host wait orders them",
                                 gpu.describe(use->place), gpu.pinned.describe(memory)));
  allocation->is_given_back = true;
  allocation->freed_by = kCall;
  protect_range(allocation->begin, whole_pages(allocation->bytes), RangeUse::none);
  renew_node_of_program();
  return cudaSuccess;
}
