// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/cuda_probe.hpp"

#include "core/base/error.hpp"
#include "trainer/backend/backend.hpp"
#include "trainer/backend/cuda/architectures.hpp"
#include "trainer/backend/cuda/cuda_error.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <optional>
#include <string>

namespace isoflop {
namespace {

/// CUDA_VISIBLE_DEVICES as found, for messages.
std::string visible_devices() {
  const char* const value = std::getenv("CUDA_VISIBLE_DEVICES");
  return value == nullptr ? "is not set" : fmt::format("is '{}'", value);
}

/// The driver, where CUDA does not run on it.
std::string what_driver() {
  int driver = 0, runtime = 0;
  cudaDriverGetVersion(&driver);  // 0 where there is none
  cudaRuntimeGetVersion(&runtime);
  if (driver == 0) return "no NVIDIA driver";
  return fmt::format("an NVIDIA driver for CUDA {}; this build is for CUDA {}",
                     cuda_version_text(driver), cuda_version_text(runtime));
}

/// Why CUDA counts no GPU.
std::string why_none(cudaError_t status) {
  switch (status) {
    case cudaErrorInsufficientDriver:
    case cudaErrorStubLibrary:
      return what_driver();
    case cudaErrorNoDevice:
      return fmt::format("an NVIDIA driver, but no GPU that it may use; CUDA_VISIBLE_DEVICES {}",
                         visible_devices());
    default:
      return fmt::format("{}, code {}", cudaGetErrorString(status), static_cast<int>(status));
  }
}

int compute_capability(cudaDeviceAttr part, int ordinal) {
  int value = 0;
  check_cuda(cudaDeviceGetAttribute(&value, part, ordinal), "cudaDeviceGetAttribute");
  return value;
}

std::optional<std::string> problem_with_capability(int ordinal) {
  const int major = compute_capability(cudaDevAttrComputeCapabilityMajor, ordinal);
  const int minor = compute_capability(cudaDevAttrComputeCapabilityMinor, ordinal);
  if (has_code_for(ISOFLOP_CUDA_ARCHITECTURES, major, minor)) return std::nullopt;
  return fmt::format(
      "GPU {} has compute capability {}.{}; this build has kernels for {} (CMake's "
      "CMAKE_CUDA_ARCHITECTURES)",
      ordinal, major, minor, ISOFLOP_CUDA_ARCHITECTURES);
}

/// Of `count` visible GPUs, the one of a local rank.
int ordinal_of(int local_rank, int count) { return count == 1 ? 0 : local_rank; }

}  // namespace

std::string cuda_version_text(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

std::optional<std::string> why_no_cuda_device(int local_rank) {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess || count == 0) {
    cudaGetLastError();  // reported here
    return why_none(status == cudaSuccess ? cudaErrorNoDevice : status);
  }
  const int ordinal = ordinal_of(local_rank, count);
  if (ordinal >= count)
    return fmt::format("{} GPUs for the {} or more ranks of the node; CUDA_VISIBLE_DEVICES {}",
                       count, local_rank + 1, visible_devices());
  return problem_with_capability(ordinal);
}

int find_cuda_device(int local_rank) {
  check_cuda_device(local_rank);
  int count = 0;
  check_cuda(cudaGetDeviceCount(&count), "cudaGetDeviceCount");
  return ordinal_of(local_rank, count);
}

void check_cuda_device(int local_rank) {
  if (const auto problem = why_no_cuda_device(local_rank))
    throw DeviceMissingError(
        fmt::format("device.kind is 'cuda' (local rank {} found: {}); check the job's --gres or "
                    "--gpus request, "
                    "or set device.kind: cpu",
                    local_rank, *problem));
}

}  // namespace isoflop
