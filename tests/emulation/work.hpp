// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

namespace isoflop::emulation {

enum class WorkKind {
  memory,              ///< allocation and release: no work of the GPU's
  copy,                ///< cudaMemcpyAsync
  set,                 ///< cudaMemsetAsync
  kernel,              ///< of our own
  product,             ///< cublasLtMatmul
  attention_forward,   ///< a cuDNN graph with one product of scores
  attention_backward,  ///< a cuDNN graph with gradients
  collective,          ///< NCCL
};

/// What an operation takes of a GPU, for pricing.
struct Work {
  WorkKind kind = WorkKind::memory;
  double flops = 0;           ///< of products, a multiply-add as 2; attention: behind the diagonal
  int64_t read_bytes = 0;     ///< of device memory
  int64_t written_bytes = 0;  ///< likewise
  int64_t host_bytes = 0;     ///< between host and device
  /// Of a collective: what one rank sends and receives over its links, (n - 1)/n of the whole,
  /// twice that for all-reduce (the bus bandwidth of NCCL's tests).
  int64_t link_bytes = 0;
  /// Of a product: what its epilogue moves besides, of read_bytes and written_bytes.
  int64_t epilogue_bytes = 0;
  int64_t n_block = 0;         ///< of a kernel's grid; the most CTAs of a collective
  bool is_registered = false;  ///< of a collective: the communicator knows both buffers
  bool in_graph = false;       ///< enqueued by a graph's launch
  bool crosses_nodes = false;  ///< of a collective: its ranks are on several nodes
  std::string detail = {};     ///< "8192 x 4096 x 4096"
};

}  // namespace isoflop::emulation
