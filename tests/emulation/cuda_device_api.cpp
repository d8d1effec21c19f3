// SPDX-License-Identifier: MIT
// Devices of the emulated CUDA runtime.
#include "emulation/cuda_handles.hpp"
#include "emulation/node.hpp"

#include <fmt/format.h>

#include <stdexcept>
#include <string>

using namespace isoflop::emulation;

namespace {

/// Figures of a GPU of each architecture that kernels are built for.
struct Model {
  int sm_version;
  const char* name;
  int n_multiprocessor;
  int shared_bytes_per_block_optin;
  int l2_bytes;
};

/// Names, multiprocessors and L2 of the SXM versions: NVIDIA A100 (GA100 whitepaper, 2020), H100
/// (Hopper whitepaper, 2022) and B200 data sheets; shared memory: CUDA C++ Programming Guide 13.0,
/// "Technical Specifications per Compute Capability".
constexpr Model kModels[] = {
    {80, "NVIDIA A100-SXM4-80GB (emulated)", 108, 163 << 10, 40 << 20},
    {90, "NVIDIA H100 80GB HBM3 (emulated)", 132, 227 << 10, 50 << 20},
    {100, "NVIDIA B200 (emulated)", 148, 227 << 10, 126 << 20},
};

const Model& model() {
  const int sm_version = current_node().options.sm_version;
  for (const Model& candidate : kModels)
    if (candidate.sm_version == sm_version) return candidate;
  throw std::invalid_argument(fmt::format("emulation: no GPU of sm_version {}", sm_version));
}

bool exists(int device) { return device >= 0 && device < current_node().options.n_rank; }

}  // namespace

cudaError_t cudaGetDeviceCount(int* count) {
  *count = current_node().options.n_rank;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  if (!current_node().scheduler.is_own_thread()) {
    if (!exists(device)) return refuse_cuda(cudaErrorInvalidDevice);
    Scheduler::device_of_other_thread() = device;
    return cudaSuccess;
  }
  if (device != current_rank())
    return fail_cuda(cudaErrorInvalidDevice, "cudaSetDevice",
                     fmt::format("device {} is not the GPU of this rank", device));
  current_gpu().is_device_set = true;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
  *device = current_rank();
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr which, int device) {
  constexpr auto kCall = "cudaDeviceGetAttribute";
  if (!exists(device)) return fail_cuda(cudaErrorInvalidDevice, kCall, std::to_string(device));
  switch (which) {
    case cudaDevAttrComputeCapabilityMajor:
      *value = model().sm_version / 10;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
      *value = model().sm_version % 10;
      return cudaSuccess;
    case cudaDevAttrMultiProcessorCount:
      *value = model().n_multiprocessor;
      return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = model().shared_bytes_per_block_optin;
      return cudaSuccess;
    default:
      return fail_cuda(cudaErrorInvalidValue, kCall,
                       fmt::format("attribute {} is not emulated", static_cast<int>(which)));
  }
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (!exists(device))
    return fail_cuda(cudaErrorInvalidDevice, "cudaGetDeviceProperties", std::to_string(device));
  *properties = {};
  fmt::format_to_n(properties->name, sizeof properties->name - 1, "{}", model().name);
  properties->major = model().sm_version / 10;
  properties->minor = model().sm_version % 10;
  properties->totalGlobalMem = static_cast<size_t>(current_node().options.memory_bytes);
  properties->multiProcessorCount = model().n_multiprocessor;
  properties->sharedMemPerBlock = 48 << 10;
  properties->sharedMemPerBlockOptin = static_cast<size_t>(model().shared_bytes_per_block_optin);
  properties->l2CacheSize = model().l2_bytes;
  properties->warpSize = 32;
  properties->maxThreadsPerBlock = 1024;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetPCIBusId(char* text, int size, int device) {
  if (!exists(device))
    return fail_cuda(cudaErrorInvalidDevice, "cudaDeviceGetPCIBusId", std::to_string(device));
  const auto result =
      fmt::format_to_n(text, static_cast<std::size_t>(size - 1), "0000:{:02X}:00.0", device);
  *result.out = '\0';
  return cudaSuccess;
}

cudaError_t cudaDeviceCanAccessPeer(int* can_access, int device, int peer) {
  if (!exists(device) || !exists(peer) || device == peer)
    return fail_cuda(cudaErrorInvalidDevice, "cudaDeviceCanAccessPeer",
                     fmt::format("{} and {}", device, peer));
  *can_access = 1;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
