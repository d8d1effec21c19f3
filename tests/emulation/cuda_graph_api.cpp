// SPDX-License-Identifier: MIT
// Graphs of the emulated CUDA runtime: what one stream was given, captured and enqueued again. A
// capture keeps to one stream, makes no allocation and no wait, and does not mind what other
// threads call.
#include "emulation/cuda_handles.hpp"
#include "emulation/handles.hpp"
#include "emulation/node.hpp"

#include <fmt/format.h>

#include <utility>

using namespace isoflop::emulation;

/// CUDA's own names for a graph and for one that can be launched.
struct CUgraph_st {
  std::vector<Operation> operations;
};
struct CUgraphExec_st {
  std::vector<Operation> operations;
};

namespace {

Handles<CUgraph_st>& graphs() {
  static Handles<CUgraph_st> handles("graph");
  return handles;
}

Handles<CUgraphExec_st>& executables() {
  static Handles<CUgraphExec_st> handles("executable graph");
  return handles;
}

bool is_refused() {
  Node& node = current_node();
  return current_rank() == 0 && node.n_capture++ == node.faults.refuse_capture;
}

}  // namespace

cudaError_t cudaStreamBeginCapture(cudaStream_t handle, cudaStreamCaptureMode mode) {
  constexpr auto kCall = "cudaStreamBeginCapture";
  CUstream_st* const stream = find_stream(handle, kCall);
  if (stream == nullptr) return cudaErrorInvalidResourceHandle;
  if (mode != cudaStreamCaptureModeThreadLocal)
    return fail_cuda(cudaErrorInvalidValue, kCall, "calls of other threads would end the capture");
  if (const cudaError_t refused = refuse_in_capture(kCall)) return refused;
  ++stream->gpu->host_calls;
  stream->capture.emplace();
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t* out) {
  constexpr auto kCall = "cudaStreamEndCapture";
  CUstream_st* const stream = find_stream(handle, kCall);
  if (stream == nullptr) return cudaErrorInvalidResourceHandle;
  if (!stream->capture) return fail_cuda(cudaErrorIllegalState, kCall, "nothing is captured");
  ++stream->gpu->host_calls;
  std::vector<Operation> operations = *std::exchange(stream->capture, std::nullopt);
  *out = nullptr;
  if (is_refused()) return refuse_cuda(cudaErrorStreamCaptureInvalidated);
  *out = graphs().create();
  (*out)->operations = std::move(operations);
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* out, cudaGraph_t handle,
                                 unsigned long long flags) {
  constexpr auto kCall = "cudaGraphInstantiate";
  const CUgraph_st* const graph = graphs().find(handle, kCall);
  if (graph == nullptr) return refuse_cuda(cudaErrorInvalidValue);
  if (flags != 0) return fail_cuda(cudaErrorInvalidValue, kCall, fmt::format("flags {}", flags));
  if (const cudaError_t refused = refuse_in_capture(kCall)) return refused;
  ++current_gpu().counters.allocations;
  *out = executables().create();
  (*out)->operations = graph->operations;
  for (Operation& operation : (*out)->operations) operation.work.in_graph = true;
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t handle, cudaStream_t stream_handle) {
  constexpr auto kCall = "cudaGraphLaunch";
  CUstream_st* const stream = find_stream(stream_handle, kCall);
  const CUgraphExec_st* const executable = executables().find(handle, kCall);
  if (stream == nullptr || executable == nullptr) return cudaErrorInvalidResourceHandle;
  if (const cudaError_t refused = refuse_in_capture(kCall)) return refused;
  count_call(*stream->gpu);
  ++stream->gpu->counters.graph_launches;
  for (const Operation& operation : executable->operations) append(*stream, operation);
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t handle) {
  return graphs().destroy(handle, "cudaGraphDestroy") ? cudaSuccess
                                                      : refuse_cuda(cudaErrorInvalidValue);
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t handle) {
  return executables().destroy(handle, "cudaGraphExecDestroy") ? cudaSuccess
                                                               : refuse_cuda(cudaErrorInvalidValue);
}
