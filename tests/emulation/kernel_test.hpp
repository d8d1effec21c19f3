// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/emulation.hpp"

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace isoflop::emulation {

/// One stream and some memory of the running rank's GPU, for tests of kernels.
class TestGpu {
 public:
  TestGpu();
  ~TestGpu();
  TestGpu(const TestGpu&) = delete;
  TestGpu& operator=(const TestGpu&) = delete;

  cudaStream_t stream() const { return stream_; }
  /// Device memory that holds `values`, until the end of the test.
  template <typename T>
  T* upload(const std::vector<T>& values) {
    return static_cast<T*>(upload(values.data(), values.size() * sizeof(T)));
  }
  /// n values from device memory, after everything enqueued so far.
  template <typename T>
  std::vector<T> download(const T* values, std::size_t n) {
    std::vector<T> result(n);
    download(result.data(), values, n * sizeof(T));
    return result;
  }

 private:
  void* upload(const void* data, std::size_t bytes);
  void download(void* out, const void* device, std::size_t bytes);
  void* pinned(std::size_t bytes);

  cudaStream_t stream_ = nullptr;
  cudaMemPool_t pool_ = nullptr;
  std::vector<void*> device_;
  std::vector<void*> pinned_;
};

/// Runs body on one rank and waits for all it enqueued. Returns what was found, empty if nothing.
std::string findings_of(const Options& options, const std::function<void(TestGpu&)>& body);
std::string findings_of(const std::function<void(TestGpu&)>& body);

}  // namespace isoflop::emulation
