// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cuda/matmul_problem.hpp"

#include <cstdint>
#include <vector>

namespace isoflop {

class CudaDevice;

/// A product and the ways to compute it.
struct TimedProduct {
  MatmulShape shape;
  const MatmulProblem& problem;
  std::vector<MatmulAlgorithm> algorithms;
};

/// Runs products to see how long they take, on memory of its own: operands, output and workspace of
/// the largest product, all of which that product needs in training too, where more is allocated.
/// Not the device's, whose pool would keep a block that fits nothing else: it is the driver's again
/// when what the stream had at the destruction is over.
class MatmulTimer {
 public:
  /// For these products, whose handles must outlive it.
  MatmulTimer(CudaDevice& device, cublasLtHandle_t handle,
              const std::vector<TimedProduct>& products);
  ~MatmulTimer();
  MatmulTimer(const MatmulTimer&) = delete;
  MatmulTimer& operator=(const MatmulTimer&) = delete;

  /// False when that much memory is not free: then nothing can be timed.
  bool has_memory() const { return memory_ != nullptr; }
  int64_t bytes() const { return bytes_; }

  /// Of each algorithm the least time of a few runs, which take turns with those of the others, so
  /// that a clock that rises favours none; infinite for those that fail to run. Short products are
  /// run many times between two looks at the clock, as one CUDA graph unless the device makes none
  /// or CUDA refuses, so that it is not the host's launches that are timed. Waits for the GPU.
  /// Throws ConfigError that names the shape when every algorithm fails.
  std::vector<double> seconds(const TimedProduct& product);

 private:
  struct Repeats;

  cublasStatus_t run(const TimedProduct& product, const MatmulAlgorithm& algorithm);
  std::vector<std::size_t> find_working(const TimedProduct& product);
  std::vector<double> least_seconds(const TimedProduct& product,
                                    const std::vector<std::size_t>& working,
                                    const Repeats& repeats);

  CudaDevice& device_;
  cublasLtHandle_t handle_;
  int64_t bytes_;
  cudaStream_t stream_;
  cudaMemPool_t pool_ = nullptr;
  void* memory_ = nullptr;
  std::vector<cudaEvent_t> events_;
};

}  // namespace isoflop
