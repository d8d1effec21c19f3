// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cuda/cudnn_graph.hpp"
#include "trainer/tensor/dtype.hpp"

#include <compare>
#include <cstdint>

namespace isoflop {

/// Causal attention on packed queries, keys and values (B, T, n_head + 2 n_kv_head, d_head) bf16 or
/// f16.
struct SdpaShape {
  int64_t B = 0, T = 0, n_head = 0, n_kv_head = 0, d_head = 0;
  /// Of the backward pass: no sum depends on the order in which blocks run.
  bool deterministic = false;
  bool has_first_keys = false;  ///< as in AttentionParams
  DType dtype = DType::bf16;

  auto operator<=>(const SdpaShape&) const = default;
};

enum class SdpaPass { forward, backward };

/// Ids of the tensors given at execution.
namespace sdpa_id {
inline constexpr int64_t kQ = 1;     ///< (B, T, n_head, d_head), a view of packed qkv
inline constexpr int64_t kK = 2;     ///< (B, T, n_kv_head, d_head), a view of qkv
inline constexpr int64_t kV = 3;     ///< as keys
inline constexpr int64_t kOut = 4;   ///< (B, T, n_head, d_head)
inline constexpr int64_t kLse = 5;   ///< (B, n_head, T) f32
inline constexpr int64_t kDOut = 6;  ///< as out
inline constexpr int64_t kDQ = 7;    ///< views of packed d_qkv, as those of qkv
inline constexpr int64_t kDK = 8;
inline constexpr int64_t kDV = 9;
inline constexpr int64_t kScale = 10;      ///< host scalar d_head^-1/2
inline constexpr int64_t kMasked = 11;     ///< host scalar -infinity
inline constexpr int64_t kOne = 12;        ///< host scalar 1
inline constexpr int64_t kRowSum = 13;     ///< (B, n_head, T) f32, becomes sum(out * d_out)
inline constexpr int64_t kDQSum = 14;      ///< (B, n_head, T, d_head) f32 scratch
inline constexpr int64_t kFirstKeys = 15;  ///< (B, T) i32, with has_first_keys
}  // namespace sdpa_id

/// out = softmax(scale Q K^T) V and its log-sum-exp. Uses kQ, kK, kV, kOut, kLse, kScale, kMasked.
/// The operations and their order are those that cuDNN's fused kernels are found by: they follow
/// NVIDIA's cudnn-frontend 1.23, include/cudnn_frontend/node/scaled_dot_product_flash_attention.h.
CudnnGraph sdpa_forward_graph(const SdpaShape& shape);

/// Gradients by the kernels' own recomputation of the probabilities. Uses all ids but kDQSum when
/// deterministic. Without that, blocks add to kDQSum as they finish; cuDNN clears it itself
/// (check_cudnn_version() has since when).
CudnnGraph sdpa_backward_graph(const SdpaShape& shape);

}  // namespace isoflop
