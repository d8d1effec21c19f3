// SPDX-License-Identifier: MIT
#pragma once

// Included by force before every .cu file that the host compiler compiles: the part of CUDA C++
// that nvcc knows by itself, with each CUDA thread a fibre (kernel_grid.hpp), and what
// src/trainer/backend/cuda/launch.cuh leaves to a host compiler.

#define __launch_bounds__(...)
/// All shared memory is dynamic: a __shared__ variable does not compile.
#define __shared__ only_dynamic_shared_memory_is_emulated

#include <cstddef>

// The copies that the compiler does not expand in place, which no hook sees otherwise.
extern "C" {
void* memcpy(void* out, const void* in, std::size_t bytes) noexcept asm("isoflop_kernel_memcpy");
void* memmove(void* out, const void* in, std::size_t bytes) noexcept asm("isoflop_kernel_memmove");
void* memset(void* out, int byte, std::size_t bytes) noexcept asm("isoflop_kernel_memset");
}

#include "emulation/device_math.hpp"
#include "emulation/kernel_grid.hpp"
#include "emulation/kernel_launch.hpp"
#include "trainer/backend/cuda/launch_shape.hpp"

#include <cuda_runtime.h>

#include <bit>
#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>

// Constants for the compiler as they are for a kernel thread, so that it calls no hook for them (it
// would for a const dim3, which has a constructor). Their storage is in kernel_grid.cpp.
extern "C" {
extern const uint3 threadIdx;
extern const uint3 blockIdx;
extern const uint3 blockDim;
extern const uint3 gridDim;
extern const int warpSize;
}

inline void __syncthreads() { isoflop::emulation::sync_threads(); }
inline void __syncwarp(unsigned mask = 0xffffffffU) { isoflop::emulation::sync_warp(mask); }

namespace isoflop::emulation {

/// A shuffle of any 4- or 8-byte value.
template <typename T>
T shuffle_value(WarpMeeting kind, unsigned mask, T value, int operand, int width) {
  static_assert(std::is_trivially_copyable_v<T> && (sizeof(T) == 4 || sizeof(T) == 8));
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  const uint64_t sent = std::bit_cast<Bits>(value);
  return std::bit_cast<T>(static_cast<Bits>(shuffle(kind, mask, sent, operand, width)));
}

}  // namespace isoflop::emulation

template <typename T>
T __shfl_sync(unsigned mask, T value, int lane, int width = 32) {
  return shuffle_value(isoflop::emulation::WarpMeeting::shfl, mask, value, lane, width);
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32) {
  return shuffle_value(isoflop::emulation::WarpMeeting::shfl_xor, mask, value, lane_mask, width);
}
template <typename T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  return shuffle_value(isoflop::emulation::WarpMeeting::shfl_down, mask, value,
                       static_cast<int>(delta), width);
}

template <typename T>
T __ldg(const T* address) {
  return *address;
}

namespace isoflop::emulation {

/// A kernel and the values of its parameters.
template <typename... Parameters>
struct KernelCall {
  void (*kernel)(Parameters...);
  std::tuple<Parameters...> arguments;

  static void run(const void* self) {
    const auto& call = *static_cast<const KernelCall*>(self);
    std::apply(call.kernel, call.arguments);
  }
};

/// The bytes of each argument, without padding.
template <typename... Parameters>
std::string fingerprint(const std::tuple<Parameters...>& arguments) {
  std::string text;
  const auto append = [&text](auto argument) {
    __builtin_clear_padding(&argument);
    append_bytes(text, &argument, sizeof argument);
  };
  std::apply([&append](const Parameters&... argument) { (append(argument), ...); }, arguments);
  return text;
}

}  // namespace isoflop::emulation

namespace isoflop::gpu {

/// As launch.cuh declares it.
template <typename... Parameters, typename... Arguments>
void launch(cudaStream_t stream, const LaunchShape& shape, void (*kernel)(Parameters...),
            Arguments&&... arguments) {
  static_assert((std::is_trivially_copyable_v<Parameters> && ...));
  using Call = emulation::KernelCall<Parameters...>;
  const auto call = std::make_shared<const Call>(
      Call{kernel, std::tuple<Parameters...>{static_cast<Parameters>(arguments)...}});
  emulation::launch_kernel(stream, shape, {call, sizeof(Call), &Call::run},
                           emulation::fingerprint(call->arguments));
}

template <typename T>
T* dynamic_shared() {
  return static_cast<T*>(emulation::shared_memory());
}

}  // namespace isoflop::gpu
