// SPDX-License-Identifier: MIT
// Stands for backend/cuda where the build has no GPU backend.
#include "core/base/error.hpp"
#include "trainer/backend/backend.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <string>

namespace isoflop {
namespace {

/// NVIDIA device files: /dev/nvidia0, /dev/nvidia1, ...
int count_gpu_device_files() {
  int count = 0;
  while (std::filesystem::exists(fmt::format("/dev/nvidia{}", count))) ++count;
  return count;
}

std::string what_was_found() {
  if (!std::filesystem::exists("/dev/nvidiactl"))
    return "no NVIDIA driver is loaded on this node either: /dev/nvidiactl is absent";
  return fmt::format("the node has an NVIDIA driver and {} GPU device file(s)",
                     count_gpu_device_files());
}

DeviceMissingError no_backend(int local_rank) {
  return DeviceMissingError(
      fmt::format("device.kind is 'cuda' (local rank {}: {}); set device.kind: cpu", local_rank,
                  *why_no_cuda_device(local_rank)));
}

}  // namespace

std::optional<std::string> why_no_cuda_device(int) {
  return fmt::format("this build has no GPU backend; {}", what_was_found());
}

void check_cuda_device(int local_rank) { throw no_backend(local_rank); }

Backend make_cuda_backend(const CudaBackendOptions& options) {
  throw no_backend(options.local_rank);
}

}  // namespace isoflop
