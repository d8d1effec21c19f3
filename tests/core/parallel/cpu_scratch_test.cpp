// SPDX-License-Identifier: MIT
#include "core/parallel/cpu_scratch.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

constexpr int64_t kSeqLen = 200;

ModelShape with_attention(AttentionBackend backend, double dropout) {
  ModelShape shape;
  shape.n_head = 4;
  shape.n_kv_head = 2;
  shape.d_head = 32;
  shape.attention_backend = backend;
  shape.dropout = dropout;
  return shape;
}

TEST(CpuScratch, tiled_attention_sums_one_sequence_in_f32_where_it_computes_in_two_bytes) {
  const ModelShape shape = with_attention(AttentionBackend::sdpa, 0.1);
  EXPECT_EQ(cpu_attention_bytes(shape, kSeqLen, Precision::fp32), 0);
  EXPECT_EQ(cpu_attention_bytes(shape, kSeqLen, Precision::bf16), kSeqLen * (4 + 2 * 2) * 32 * 4);
}

TEST(CpuScratch, manual_attention_holds_dropped_rows_or_sums_of_shared_keys) {
  const ModelShape without = with_attention(AttentionBackend::manual, 0);
  const ModelShape with = with_attention(AttentionBackend::manual, 0.1);
  EXPECT_EQ(cpu_attention_bytes(without, kSeqLen, Precision::fp32), 0);
  EXPECT_EQ(cpu_attention_bytes(with, kSeqLen, Precision::fp32), 64 * kSeqLen * 4);
  EXPECT_EQ(cpu_attention_bytes(without, kSeqLen, Precision::bf16), 2 * kSeqLen * 32 * 4);
  EXPECT_EQ(cpu_attention_bytes(with, 1, Precision::bf16), 256);  // 2 x 32 x 4
}

TEST(CpuScratch, products_come_on_top_of_manual_attention_and_beside_tiled_attention) {
  const int64_t products = kConvertedProductFloats * 4;
  EXPECT_EQ(cpu_scratch_bytes(with_attention(AttentionBackend::sdpa, 0), kSeqLen, Precision::bf16),
            products);
  EXPECT_EQ(cpu_scratch_bytes(with_attention(AttentionBackend::sdpa, 0), 65536, Precision::bf16),
            int64_t{65536} * 256 * 4);
  EXPECT_EQ(
      cpu_scratch_bytes(with_attention(AttentionBackend::manual, 0), kSeqLen, Precision::bf16),
      products + 2 * kSeqLen * 32 * 4);
}

}  // namespace
}  // namespace isoflop
