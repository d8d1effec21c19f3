// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cuda/cuda_error.hpp"
#include "trainer/backend/cuda/launch_shape.hpp"

#include <cuda_runtime.h>

#include <utility>

/// The one place where kernels are started. A host compiler that compiles the .cu files brings its
/// own launch() and dynamic_shared() (tests/emulation/device_language.hpp).
#ifdef __CUDACC__
namespace isoflop::gpu {

/// Starts `kernel`; arguments convert to the kernel's parameter types.
template <typename... Parameters, typename... Arguments>
void launch(cudaStream_t stream, const LaunchShape& shape, void (*kernel)(Parameters...),
            Arguments&&... arguments) {
  if (shape.blocks == 0 || shape.blocks_y == 0) return;
  cudaLaunchConfig_t config{};
  config.gridDim = {static_cast<unsigned>(shape.blocks), static_cast<unsigned>(shape.blocks_y), 1};
  config.blockDim = {static_cast<unsigned>(shape.threads), 1, 1};
  config.dynamicSmemBytes = static_cast<std::size_t>(shape.shared_bytes);
  config.stream = stream;
  check_cuda(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...),
             shape.name);
}

/// The block's dynamic shared memory; all shared memory of our kernels is dynamic.
template <typename T>
__device__ T* dynamic_shared() {
  extern __shared__ __align__(16) unsigned char memory[];
  return reinterpret_cast<T*>(memory);
}

}  // namespace isoflop::gpu
#endif
