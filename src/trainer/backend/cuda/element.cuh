// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <cstring>

/// Elements in memory (float, __nv_bfloat16 or __half) and in registers (always float).
namespace isoflop::gpu {

/// Bytes that a thread moves by one access at most.
inline constexpr int kPackBytes = 16;

/// Elements of type T in one such access.
template <typename T>
inline constexpr int kPackSize = kPackBytes / static_cast<int>(sizeof(T));

__device__ inline float to_float(float value) { return value; }
__device__ inline float to_float(__nv_bfloat16 value) { return __bfloat162float(value); }
__device__ inline float to_float(__half value) { return __half2float(value); }

/// Rounds to nearest, ties to even.
template <typename T>
__device__ T from_float(float value);
template <>
__device__ inline float from_float<float>(float value) {
  return value;
}
template <>
__device__ inline __nv_bfloat16 from_float<__nv_bfloat16>(float value) {
  return __float2bfloat16(value);
}
template <>
__device__ inline __half from_float<__half>(float value) {
  return __float2half_rn(value);
}

/// Adjacent elements in registers.
template <int kSize>
struct Pack {
  float values[kSize];

  __device__ float& operator[](int i) { return values[i]; }
  __device__ float operator[](int i) const { return values[i]; }
};

/// The kSize elements from `in` on: by 16-byte accesses if they are a multiple of 16 bytes, in
/// which case `in` must be 16-byte aligned; else one by one.
template <int kSize, typename T>
__device__ Pack<kSize> load(const T* in) {
  Pack<kSize> pack;
  if constexpr (kSize % kPackSize<T> == 0) {
    for (int start = 0; start < kSize; start += kPackSize<T>) {
      const uint4 bits = *reinterpret_cast<const uint4*>(in + start);
      T elements[kPackSize<T>];
      std::memcpy(static_cast<void*>(elements), &bits, sizeof(bits));
      for (int i = 0; i < kPackSize<T>; ++i) pack[start + i] = to_float(elements[i]);
    }
  } else {
    for (int i = 0; i < kSize; ++i) pack[i] = to_float(in[i]);
  }
  return pack;
}

/// Rounds and writes kSize elements from `out` on; access and alignment as for load().
template <typename T, int kSize>
__device__ void store(T* out, const Pack<kSize>& pack) {
  if constexpr (kSize % kPackSize<T> == 0) {
    for (int start = 0; start < kSize; start += kPackSize<T>) {
      T elements[kPackSize<T>];
      for (int i = 0; i < kPackSize<T>; ++i) elements[i] = from_float<T>(pack[start + i]);
      uint4 bits;
      std::memcpy(&bits, elements, sizeof(bits));
      *reinterpret_cast<uint4*>(out + start) = bits;
    }
  } else {
    for (int i = 0; i < kSize; ++i) out[i] = from_float<T>(pack[i]);
  }
}

}  // namespace isoflop::gpu
