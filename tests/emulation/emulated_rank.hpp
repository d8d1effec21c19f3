// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/emulation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace isoflop::emulation {

/// A rank's pool, streams and events, for tests of the emulated runtime. Destroyed as they should
/// be.
class EmulatedRank {
 public:
  EmulatedRank() {
    cudaSetDevice(current_rank());
    cudaMemPoolProps properties{};
    properties.allocType = cudaMemAllocationTypePinned;
    properties.location = {cudaMemLocationTypeDevice, current_rank()};
    cudaMemPoolCreate(&pool_, &properties);
    compute = make_stream("compute");
    side = make_stream("side");
  }
  ~EmulatedRank() {
    cudaStreamSynchronize(compute);
    cudaStreamSynchronize(side);
    for (const cudaEvent_t event : events_) cudaEventDestroy(event);
    for (void* const memory : pinned_) cudaFreeHost(memory);
    for (void* const memory : allocated_) cudaFreeAsync(memory, compute);
    cudaStreamSynchronize(compute);
    cudaStreamDestroy(compute);
    cudaStreamDestroy(side);
    cudaMemPoolDestroy(pool_);
  }
  EmulatedRank(const EmulatedRank&) = delete;
  EmulatedRank& operator=(const EmulatedRank&) = delete;

  static cudaStream_t make_stream(const std::string& name) {
    cudaStream_t stream = nullptr;
    cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, 0);
    name_stream(stream, name);
    return stream;
  }

  /// Device memory that both streams may use, freed at the end.
  float* allocate(std::size_t n) {
    void* const memory = allocate_on(compute, n * sizeof(float));
    allocated_.push_back(memory);
    wait(side, record(compute));
    return static_cast<float*>(memory);
  }
  void* allocate_on(cudaStream_t stream, std::size_t bytes) {
    void* memory = nullptr;
    cudaMallocFromPoolAsync(&memory, bytes, pool_, stream);
    return memory;
  }
  float* allocate_pinned(std::size_t n) {
    void* memory = nullptr;
    cudaMallocHost(&memory, n * sizeof(float));
    pinned_.push_back(memory);
    return static_cast<float*>(memory);
  }

  cudaEvent_t make_event(unsigned flags = cudaEventDisableTiming) {
    cudaEvent_t event = nullptr;
    cudaEventCreateWithFlags(&event, flags);
    events_.push_back(event);
    return event;
  }
  cudaEvent_t record(cudaStream_t stream) {
    const cudaEvent_t event = make_event();
    cudaEventRecord(event, stream);
    return event;
  }
  static void wait(cudaStream_t stream, cudaEvent_t event) {
    cudaStreamWaitEvent(stream, event, 0);
  }
  static void copy(float* out, const float* in, std::size_t n, cudaStream_t stream) {
    cudaMemcpyAsync(out, in, n * sizeof(float), cudaMemcpyDefault, stream);
  }
  static void fill(float* out, float value, std::size_t n, cudaStream_t stream) {
    const auto bytes = static_cast<int64_t>(n * sizeof(float));
    enqueue(stream, {.name = "fill", .accesses = {writes(out, bytes)}, .run = [out, value, n] {
                       for (std::size_t i = 0; i < n; ++i) out[i] = value;
                     }});
  }
  static void use(const float* in, std::size_t n, cudaStream_t stream) {
    const auto bytes = static_cast<int64_t>(n * sizeof(float));
    enqueue(stream, {.name = "use", .accesses = {reads(in, bytes)}, .run = {}});
  }

  cudaStream_t compute = nullptr;
  cudaStream_t side = nullptr;
  cudaMemPool_t pool() const { return pool_; }

 private:
  cudaMemPool_t pool_ = nullptr;
  std::vector<cudaEvent_t> events_;
  std::vector<void*> allocated_;
  std::vector<void*> pinned_;
};

/// What run_ranks() throws, "" if nothing.
inline std::string error_of(const Options& options, const std::function<void(int rank)>& body) {
  try {
    run_ranks(options, body);
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

inline std::string error_of(const std::function<void(EmulatedRank&)>& body,
                            const Options& options = {}) {
  return error_of(options, [&](int) {
    EmulatedRank rank;
    body(rank);
  });
}

}  // namespace isoflop::emulation
