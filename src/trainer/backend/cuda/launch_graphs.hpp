// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/work_key.hpp"

#include <cuda_runtime.h>

#include <cstddef>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <type_traits>

namespace isoflop {

/// Pieces of work as CUDA graphs, by key: enqueued call by call the first time, when kernels are
/// loaded, captured the second time, and one launch from then on. A graph holds one stream's work
/// and no collective, so that nothing here depends on other ranks, events stay outside, and CUDA
/// launches it in a time that hardly grows with its length (developer.nvidia.com/blog/
/// constant-time-launch-for-straight-line-graphs-and-other-performance-enhancements).
class LaunchGraphs {
 public:
  /// After a capture that fails, which is warned of once, everything is enqueued call by call.
  void run(const WorkKey& key, cudaStream_t stream, const std::function<void()>& enqueue);

 private:
  /// Work beyond that many keys is enqueued call by call: 512 blocks whose parameters and gradients
  /// take turns in two buffers each.
  static constexpr std::size_t kMostKeys = 4096;

  /// A graph may be under way when an exception is, and never end (as in CudaDevice).
  struct Destroy {
    void operator()(cudaGraphExec_t graph) const noexcept {
      if (std::uncaught_exceptions() == 0) cudaGraphExecDestroy(graph);
    }
  };
  using Executable = std::unique_ptr<std::remove_pointer_t<cudaGraphExec_t>, Destroy>;

  /// Null when that fails.
  Executable capture(cudaStream_t stream, const std::function<void()>& enqueue);

  std::map<WorkKey, Executable> graphs_;  // null: enqueued once
  bool is_refused_ = false;
};

}  // namespace isoflop
