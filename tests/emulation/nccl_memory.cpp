// SPDX-License-Identifier: MIT
// ncclMemAlloc and ncclMemFree: memory of the GPU, at once and not in the order of a stream.
#include "core/parallel/nccl_registration.hpp"
#include "emulation/nccl_clique.hpp"
#include "emulation/node.hpp"

using namespace isoflop::emulation;

namespace {

/// A stream with work that the host has not waited for, if any.
const CUstream_st* stream_at_work(const Gpu& gpu) {
  for (const auto& stream : gpu.streams) {
    const auto index = static_cast<std::size_t>(stream->index);
    if (stream->is_alive && gpu.known.seen[index] < std::ssize(gpu.labels[index]))
      return stream.get();
  }
  return nullptr;
}

}  // namespace

/// Refuses without a finding, as it may in a correct program.
ncclResult_t ncclMemAlloc(void** out, size_t size) {
  const Node& node = current_node();
  Gpu& gpu = current_gpu();
  const int64_t held = isoflop::nccl_memory_bytes(static_cast<int64_t>(size));
  if (size == 0) return fail_nccl(ncclInvalidArgument, "ncclMemAlloc", "0 bytes");
  if (node.faults.refuse_nccl_memory_of == gpu.rank ||
      held > node.options.memory_bytes - gpu.used_bytes)
    return ncclUnhandledCudaError;
  gpu.hold_memory(held);
  ++gpu.counters.allocations;
  *out = gpu.device.allocate(static_cast<int64_t>(size), NCCL_WIN_REQUIRED_ALIGNMENT).begin;
  return ncclSuccess;
}

ncclResult_t ncclMemFree(void* memory) {
  const char* const call = "ncclMemFree";
  Gpu& gpu = current_gpu();
  Allocation* const allocation = gpu.device.find(memory);
  const auto refuse = [&](const std::string& problem) {
    return fail_nccl(ncclInvalidArgument, call,
                     fmt::format("{} {}", describe_address(memory), problem));
  };
  if (allocation == nullptr || allocation->begin != memory || allocation->pool != nullptr)
    return refuse("is not the start of memory of ncclMemAlloc");
  if (allocation->is_given_back) return refuse("was freed before");
  if (allocation->n_registration > 0) return refuse("is still registered");
  if (const CUstream_st* const stream = executes() ? stream_at_work(gpu) : nullptr)
    return refuse(fmt::format("is freed before the host has waited for {}", stream->name));
  allocation->is_given_back = true;
  allocation->freed_by = call;
  gpu.used_bytes -= isoflop::nccl_memory_bytes(allocation->bytes);
  renew_node_of_program();
  return ncclSuccess;
}
