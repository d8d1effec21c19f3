// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/ops.hpp"

#include <cstdint>
#include <memory>

namespace isoflop {

class CudaDevice;

/// Causal bf16 or f16 attention by cuDNN's flash kernels on packed queries, keys and values (no
/// copies, keys and values of grouped-query attention are not repeated). One pair of plans per
/// shape, built by prepare() or at first use.
class FlashAttention {
 public:
  FlashAttention(CudaDevice& device, bool deterministic);
  ~FlashAttention();
  FlashAttention(const FlashAttention&) = delete;
  FlashAttention& operator=(const FlashAttention&) = delete;

  /// Builds both plans and returns the arena bytes that the larger pass takes. Throws ConfigError
  /// when cuDNN has no kernel for the shape on this GPU, with shape, GPU and cuDNN's reason, and
  /// FileError for too old a cuDNN.
  int64_t prepare(const AttentionShape& heads, const BatchShape& batch, DType dtype);
  /// As Ops::attention_forward.
  void forward(const Exec& exec, TensorView out, TensorView lse, TensorView qkv,
               const AttentionParams& params);
  /// As Ops::attention_backward.
  void backward(const Exec& exec, TensorView d_qkv, TensorView row_sum, TensorView d_out,
                TensorView qkv, TensorView out, TensorView lse, const AttentionParams& params);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace isoflop
