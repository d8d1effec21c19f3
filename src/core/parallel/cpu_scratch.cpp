// SPDX-License-Identifier: MIT
#include "core/parallel/cpu_scratch.hpp"

#include "core/base/round_up.hpp"
#include "core/model/muon_matrices.hpp"

#include <algorithm>

namespace isoflop {
namespace {

constexpr int64_t kAlignment = 256;  // of what an op takes of the arena
constexpr int64_t kFp32Bytes = 4;

bool has_two_bytes(Precision precision) {
  return precision == Precision::bf16 || precision == Precision::fp16;
}

int64_t converted_product_bytes(Precision precision) {
  return has_two_bytes(precision) ? round_up(kConvertedProductFloats * kFp32Bytes, kAlignment) : 0;
}

int64_t tiled_attention_bytes(const ModelShape& shape, int64_t seq_len, Precision precision) {
  return has_two_bytes(precision) ? seq_len * shape.qkv_width() * kFp32Bytes : 0;
}

/// The larger of forward's dropped rows and backward's sums.
int64_t manual_attention_bytes(const ModelShape& shape, int64_t seq_len, Precision precision) {
  const int64_t width = has_two_bytes(precision) ? 2 : kFp32Bytes;
  const int64_t dropped = shape.dropout > 0 ? kDroppedRows * seq_len * width : 0;
  const bool shares_keys = shape.n_head > shape.n_kv_head;
  const bool sums_apart = has_two_bytes(precision) && shares_keys;
  return std::max(dropped, sums_apart ? 2 * seq_len * shape.d_head * kFp32Bytes : 0);
}

int64_t muon_bytes(const MuonMatrix& matrix) {
  const int64_t gram = std::min(matrix.rows, matrix.cols);
  return round_up(matrix.size() * kFp32Bytes, kAlignment) +
         2 * round_up(gram * gram * kFp32Bytes, kAlignment);
}

}  // namespace

int64_t cpu_attention_bytes(const ModelShape& shape, int64_t seq_len, Precision precision) {
  return round_up(shape.attention_backend == AttentionBackend::manual
                      ? manual_attention_bytes(shape, seq_len, precision)
                      : tiled_attention_bytes(shape, seq_len, precision),
                  kAlignment);
}

int64_t cpu_scratch_bytes(const ModelShape& shape, int64_t seq_len, Precision precision) {
  const int64_t products = converted_product_bytes(precision);
  const int64_t attention = cpu_attention_bytes(shape, seq_len, precision);
  return shape.attention_backend == AttentionBackend::manual ? attention + products
                                                             : std::max(attention, products);
}

int64_t cpu_update_scratch_bytes(const ModelShape& shape, OptimizerKind optimizer) {
  if (optimizer == OptimizerKind::adamw) return 0;
  int64_t bytes = 0;
  for (const MuonMatrix& matrix : muon_matrices(shape)) bytes = std::max(bytes, muon_bytes(matrix));
  return bytes;
}

}  // namespace isoflop
