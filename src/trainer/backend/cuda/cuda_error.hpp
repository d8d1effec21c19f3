// SPDX-License-Identifier: MIT
#pragma once

#include <cublasLt.h>
#include <cuda_runtime.h>
#include <cudnn.h>

namespace isoflop {

/// Throw DeviceFailure unless the call succeeded; `what` is the call or the
/// kernel, the message adds the library's words and its code.
void check_cuda(cudaError_t status, const char* what);
void check_cublas(cublasStatus_t status, const char* what);
void check_cudnn(cudnnStatus_t status, const char* what);

}  // namespace isoflop
