// SPDX-License-Identifier: MIT
#include "core/parallel/gpu_scratch.hpp"

#include "core/base/round_up.hpp"
#include "core/model/muon_matrices.hpp"
#include "core/parallel/gpu_attention.hpp"
#include "core/parallel/muon_owners.hpp"

#include <algorithm>
#include <cstdio>
#include <vector>

namespace isoflop {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;
constexpr int64_t kF32Bytes = 4;
/// What matrix products may take (src/trainer/backend/cuda/matmul.cpp).
constexpr int64_t kProductBytes = 32 * kMiB;
/// Counters of attention's plans, alignment.
constexpr int64_t kSmall = kMiB;
/// Partial sums of our own kernels: rows of a bias's gradient and of a norm's two, 5 numbers of a
/// tensor's statistics, tokens with their sorted copies and the sums of runs of 128.
constexpr int64_t kPartialRows = 64;
/// Of a norm: a row for each block, 132 x 1024 threads in all, a thread for 8 columns up to 256.
constexpr int64_t kNormPartialRows = 2 * 528, kNormFewestColumns = 256 * 8;
/// Of the norms of queries and keys: weight and bias, 64 parts each.
constexpr int64_t kQkNormPartialRows = 2 * 64;
constexpr int64_t kPartialStatistics = 128 * 5 * 8;
constexpr int64_t kSortedTokenBytes = 16;
constexpr int64_t kRunTokens = 64;
constexpr int64_t kMostTensorsOfABlock = 12;
/// Partial norms of what is updated in one segment.
constexpr int64_t kUpdateNorms = 256 * 2 * 8;

int64_t elements(const AttentionSize& s, int64_t seq_len) {
  return s.batch_size * s.n_head * seq_len * s.d_head;
}

int64_t flash_attention_bytes(const AttentionSize& size, const GpuKernels& kernels) {
  const int64_t d_q_sums = kernels.deterministic ? 0 : kF32Bytes * elements(size, size.seq_len);
  return attention_plan_bytes(size, kernels) + d_q_sums + kSmall;
}

/// The larger of forward's dropped probabilities and backward's sums of keys and values, and the
/// products' workspace.
int64_t manual_attention_bytes(const ModelShape& shape, int64_t seq_len, int64_t width) {
  const int64_t dropped = shape.dropout > 0 ? seq_len * seq_len * width : 0;
  const int64_t sums = shape.n_head > shape.n_kv_head ? 2 * seq_len * shape.d_head * kF32Bytes : 0;
  return std::max(dropped, sums) + kSmall + kProductBytes;
}

int64_t attention_bytes(const ModelShape& shape, int64_t batch_size, int64_t seq_len,
                        Precision precision, const GpuKernels& kernels) {
  switch (gpu_attention({shape, precision, kernels})) {
    case AttentionBackend::flash_attn_2:
      return flash_attention_bytes(
          {batch_size, seq_len, shape.n_head, shape.n_kv_head, shape.d_head}, kernels);
    case AttentionBackend::manual:
      return manual_attention_bytes(shape, seq_len, precision == Precision::fp32 ? kF32Bytes : 2);
    default:
      return 0;
  }
}

int64_t kernel_bytes(const ModelShape& shape, int64_t n_tokens) {
  const int64_t widest = std::max({shape.d_model, shape.qkv_width(), shape.ffn_in_width()});
  const int64_t n_tensor = (shape.n_layer + 1) * kMostTensorsOfABlock;
  const int64_t qk_norm_rows = shape.qk_norm ? kQkNormPartialRows : 0;
  const int64_t norm_columns = std::max(shape.d_model, kNormFewestColumns);
  return std::max({kPartialRows * widest * kF32Bytes, kNormPartialRows * norm_columns * kF32Bytes,
                   qk_norm_rows * shape.n_head * shape.d_head * kF32Bytes,
                   n_tensor * kPartialStatistics,
                   n_tokens * kSortedTokenBytes +
                       (n_tokens / kRunTokens + 2) * shape.d_model * kF32Bytes}) +
         kSmall;
}

}  // namespace

std::optional<GpuKernels> gpu_kernels(const std::string& compute_capability) {
  int major = 0, minor = 0;
  if (std::sscanf(compute_capability.c_str(), "%d.%d", &major, &minor) != 2) return std::nullopt;
  return GpuKernels{.sm_version = 10 * major + minor};
}

int64_t attention_plan_bytes(const AttentionSize& size, const GpuKernels& kernels) {
  const int64_t T = round_up(size.seq_len, 128);
  const int64_t n = elements(size, T);
  const bool is_sm100 = kernels.sm_version >= 100;
  int64_t bytes = 0;
  if (size.n_kv_head < size.n_head) bytes += 2 * n * (kernels.deterministic && is_sm100 ? 4 : 2);
  if (kernels.deterministic && !is_sm100) bytes += 2 * size.batch_size * size.n_head * T * T;
  if (!kernels.deterministic && kernels.sm_version < 90) bytes += 4 * n;
  return bytes;
}

int64_t gpu_scratch_bytes(const ModelShape& shape, int64_t batch_size, int64_t seq_len,
                          Precision precision, const GpuKernels& kernels) {
  const int64_t n_tokens = batch_size * seq_len;
  const int64_t attention = attention_bytes(shape, batch_size, seq_len, precision, kernels);
  return std::max({attention, kProductBytes + round_up(2 * n_tokens * kF32Bytes, kSmall),
                   kernel_bytes(shape, n_tokens)});
}

int64_t gpu_update_scratch_bytes(const ModelShape& shape, OptimizerKind optimizer,
                                 Precision precision, std::span<const MuonBatch> batches) {
  if (optimizer == OptimizerKind::adamw) return 0;
  const int64_t width = precision == Precision::fp32 ? kF32Bytes : 2;
  int64_t elements = 0;
  for (const auto& [rows, cols, count] : batches) {
    const int64_t small = std::min(rows, cols);
    elements = std::max(elements, 2 * count *
                                      (round_up(rows * cols, kFlatAlignment) +
                                       round_up(small * small, kFlatAlignment)));
  }
  const auto n_matrix = static_cast<int64_t>(muon_matrices(shape).size());
  return std::max(elements * width + kProductBytes, n_matrix * kUpdateNorms) + kSmall;
}

}  // namespace isoflop
