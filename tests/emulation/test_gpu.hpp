// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/emulation.hpp"
#include "emulation/findings.hpp"
#include "emulation/handle_kind.hpp"

#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace isoflop::emulation {

/// One stream of the rank whose host code runs, and memory that is given back at the end. Handles
/// of the libraries need not be.
class TestGpu {
 public:
  TestGpu() {
    cudaMemPoolProps properties{};
    properties.allocType = cudaMemAllocationTypePinned;
    properties.location = {cudaMemLocationTypeDevice, current_rank()};
    EXPECT_EQ(cudaSetDevice(current_rank()), cudaSuccess);
    EXPECT_EQ(cudaMemPoolCreate(&pool_, &properties), cudaSuccess);
    EXPECT_EQ(cudaStreamCreateWithPriority(&stream_, cudaStreamNonBlocking, 0), cudaSuccess);
  }
  ~TestGpu() {
    for (void* const memory : memory_) cudaFreeAsync(memory, stream_);
    cudaStreamSynchronize(stream_);
    cudaStreamDestroy(stream_);
    cudaMemPoolDestroy(pool_);
    forget_handles();
  }
  TestGpu(const TestGpu&) = delete;
  TestGpu& operator=(const TestGpu&) = delete;

  cudaStream_t stream() const { return stream_; }

  /// Device memory that nothing was written to.
  template <typename T>
  T* allocate(std::size_t n) {
    void* memory = nullptr;
    EXPECT_EQ(cudaMallocFromPoolAsync(&memory, n * sizeof(T), pool_, stream_), cudaSuccess);
    memory_.push_back(memory);
    return static_cast<T*>(memory);
  }

  template <typename T>
  T* upload(const std::vector<T>& values) {
    T* const memory = allocate<T>(values.size());
    write(memory, values);
    return memory;
  }

  template <typename T>
  void write(T* to, const std::vector<T>& values) {
    through_pinned(values.size() * sizeof(T), [&](void* pinned, std::size_t bytes) {
      std::memcpy(pinned, values.data(), bytes);
      EXPECT_EQ(cudaMemcpyAsync(to, pinned, bytes, cudaMemcpyDefault, stream_), cudaSuccess);
      EXPECT_EQ(cudaStreamSynchronize(stream_), cudaSuccess);
    });
  }

  template <typename T>
  std::vector<T> download(const T* from, std::size_t n) {
    std::vector<T> values(n);
    through_pinned(n * sizeof(T), [&](void* pinned, std::size_t bytes) {
      EXPECT_EQ(cudaMemcpyAsync(pinned, from, bytes, cudaMemcpyDefault, stream_), cudaSuccess);
      EXPECT_EQ(cudaStreamSynchronize(stream_), cudaSuccess);
      std::memcpy(static_cast<void*>(values.data()), pinned, bytes);
    });
    return values;
  }

 private:
  static void through_pinned(std::size_t bytes,
                             const std::function<void(void*, std::size_t)>& use) {
    void* pinned = nullptr;
    EXPECT_EQ(cudaMallocHost(&pinned, bytes), cudaSuccess);
    use(pinned, bytes);
    cudaFreeHost(pinned);
  }

  cudaMemPool_t pool_ = nullptr;
  cudaStream_t stream_ = nullptr;
  std::vector<void*> memory_;
};

/// What run_ranks finds fault with; empty when nothing.
inline std::string run_and_find(const Options& options,
                                const std::function<void(TestGpu&, int)>& body) {
  take_findings();
  try {
    run_ranks(options, [&](int rank) {
      TestGpu gpu;
      body(gpu, rank);
    });
  } catch (const std::runtime_error& error) {
    take_findings();
    return error.what();
  }
  return {};
}

inline std::string run_and_find(int n_rank, const std::function<void(TestGpu&, int)>& body) {
  return run_and_find(Options{.n_rank = n_rank}, body);
}

inline std::vector<__nv_bfloat16> to_bf16(const std::vector<float>& values) {
  std::vector<__nv_bfloat16> result;
  for (const float value : values) result.push_back(__float2bfloat16(value));
  return result;
}

inline std::vector<float> to_f32(const std::vector<__nv_bfloat16>& values) {
  std::vector<float> result;
  for (const __nv_bfloat16 value : values) result.push_back(__bfloat162float(value));
  return result;
}

}  // namespace isoflop::emulation
