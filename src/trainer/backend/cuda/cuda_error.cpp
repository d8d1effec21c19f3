// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/cuda_error.hpp"

#include "trainer/backend/device_failure.hpp"
#include "trainer/backend/device_memory_error.hpp"

#include <fmt/format.h>

#include <array>
#include <string>

namespace isoflop {
namespace {

/// "GPU 0000:1B:00.0": the calling thread's. A GPU that failed may not tell more than its ordinal.
std::string this_gpu() {
  int ordinal = 0;
  if (cudaGetDevice(&ordinal) != cudaSuccess) return "GPU unknown";
  std::array<char, 32> bus_id{};
  const cudaError_t status =
      cudaDeviceGetPCIBusId(bus_id.data(), static_cast<int>(bus_id.size()), ordinal);
  return status == cudaSuccess ? fmt::format("GPU {}", bus_id.data())
                               : fmt::format("GPU {}", ordinal);
}

enum class Cause { memory, other };

[[noreturn]] void fail(const std::string& message, Cause cause) {
  const std::string gpu = this_gpu();
  cudaGetLastError();  // the error is reported here; it must not be found by a later call
  if (cause == Cause::memory) throw LibraryMemoryError(message);
  throw DeviceFailure(message, gpu);
}

template <typename Status>
Cause cause_of(Status status, Status no_memory) {
  return status == no_memory ? Cause::memory : Cause::other;
}

}  // namespace

void check_cuda(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  fail(fmt::format("{} failed: {} ({}, code {})", what, cudaGetErrorString(status),
                   cudaGetErrorName(status), static_cast<int>(status)),
       cause_of(status, cudaErrorMemoryAllocation));
}

void check_cublas(cublasStatus_t status, const char* what) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  fail(fmt::format("{} failed: {} (code {})", what, cublasLtGetStatusString(status),
                   static_cast<int>(status)),
       cause_of(status, CUBLAS_STATUS_ALLOC_FAILED));
}

void check_cudnn(cudnnStatus_t status, const char* what) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  fail(fmt::format("{} failed: {} (code {})", what, cudnnGetErrorString(status),
                   static_cast<int>(status)),
       cause_of(status, CUDNN_STATUS_ALLOC_FAILED));
}

}  // namespace isoflop
