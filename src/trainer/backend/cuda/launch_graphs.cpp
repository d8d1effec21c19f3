// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/launch_graphs.hpp"

#include "core/base/log.hpp"
#include "trainer/backend/cuda/cuda_error.hpp"

#include <fmt/format.h>

#include <exception>
#include <string>

namespace isoflop {
namespace {

struct DestroyGraph {
  void operator()(cudaGraph_t graph) const noexcept { cudaGraphDestroy(graph); }
};
using Graph = std::unique_ptr<std::remove_pointer_t<cudaGraph_t>, DestroyGraph>;

/// What `enqueue` puts on the stream. Throws what it throws and DeviceFailure, when the stream is
/// as before. Other threads may call CUDA meanwhile.
Graph capture_graph(cudaStream_t stream, const std::function<void()>& enqueue) {
  check_cuda(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal),
             "cudaStreamBeginCapture");
  std::exception_ptr failure;
  try {
    enqueue();
  } catch (...) {
    failure = std::current_exception();
  }
  cudaGraph_t graph = nullptr;
  const cudaError_t status = cudaStreamEndCapture(stream, &graph);
  Graph captured(graph);
  if (failure) std::rethrow_exception(failure);
  check_cuda(status, "cudaStreamEndCapture");
  return captured;
}

}  // namespace

LaunchGraphs::Executable LaunchGraphs::capture(cudaStream_t stream,
                                               const std::function<void()>& enqueue) {
  try {
    const Graph graph = capture_graph(stream, enqueue);
    cudaGraphExec_t executable = nullptr;
    check_cuda(cudaGraphInstantiate(&executable, graph.get(), 0), "cudaGraphInstantiate");
    return Executable(executable);
  } catch (const std::exception& error) {
    log::local(log::Level::warn,
               fmt::format("goes on without CUDA graphs, kernel by kernel: {}", error.what()));
    cudaGetLastError();  // reported here
    return nullptr;
  }
}

void LaunchGraphs::run(const WorkKey& key, cudaStream_t stream,
                       const std::function<void()>& enqueue) {
  if (is_refused_) return enqueue();
  const auto found = graphs_.find(key);
  if (found == graphs_.end()) {
    if (graphs_.size() < kMostKeys) graphs_.emplace(key, nullptr);
    return enqueue();
  }
  Executable& graph = found->second;
  if (!graph) graph = capture(stream, enqueue);
  if (graph) return check_cuda(cudaGraphLaunch(graph.get(), stream), "cudaGraphLaunch");
  is_refused_ = true;
  enqueue();
}

}  // namespace isoflop
