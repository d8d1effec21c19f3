// SPDX-License-Identifier: MIT
// 48 values alive at once in the 32 registers that this launch bound leaves a thread.
__global__ void __launch_bounds__(1024, 2) spilling_kernel(float* out, const float* in) {
  float values[48];
  float sum = 0;
#pragma unroll
  for (int i = 0; i < 48; ++i) sum += values[i] = in[i * 1024 + threadIdx.x];
#pragma unroll
  for (int i = 0; i < 48; ++i) out[i * 1024 + threadIdx.x] = values[i] / sum;
}
