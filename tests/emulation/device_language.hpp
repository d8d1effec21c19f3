// SPDX-License-Identifier: MIT
#pragma once

// Included by force before every .cu file that a host compiler compiles: what nvcc knows by itself,
// with each CUDA thread a fibre, and the launch seam of src/trainer/backend/cuda/launch.cuh.
// (Written by the emulation's owner: threadIdx, blockIdx, blockDim, gridDim, warpSize,
// __syncthreads, __syncwarp, __shfl_sync, __shfl_xor_sync, __shfl_down_sync, __launch_bounds__,
// isoflop::gpu::launch, isoflop::gpu::dynamic_shared.)
