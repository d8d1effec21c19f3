// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/cuda_error.hpp"

#include "trainer/backend/device_failure.hpp"

#include <fmt/format.h>

namespace isoflop {

void check_cuda(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // the error is reported here; it must not be found by a later call
  throw DeviceFailure(fmt::format("{} failed: {} ({}, code {})", what, cudaGetErrorString(status),
                                  cudaGetErrorName(status), static_cast<int>(status)));
}

void check_cublas(cublasStatus_t status, const char* what) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw DeviceFailure(fmt::format("{} failed: {} (code {})", what, cublasLtGetStatusString(status),
                                  static_cast<int>(status)));
}

void check_cudnn(cudnnStatus_t status, const char* what) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  throw DeviceFailure(fmt::format("{} failed: {} (code {})", what, cudnnGetErrorString(status),
                                  static_cast<int>(status)));
}

}  // namespace isoflop
