// SPDX-License-Identifier: MIT
#include "core/parallel/gpu_attention.hpp"

#include "support/published_shapes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using testing::HasSubstr;
using enum AttentionBackend;

ModelShape with_heads(int64_t d_head, AttentionBackend asked = automatic) {
  ModelShape shape = test::gpt2_124m();
  shape.dropout = 0;
  shape.d_head = d_head;
  shape.attention_backend = asked;
  return shape;
}

AttentionBackend on(const ModelShape& shape, int sm_version,
                    Precision precision = Precision::bf16) {
  return gpu_attention({shape, precision, GpuKernels{.sm_version = sm_version}});
}

TEST(GpuAttention, is_the_vendors_where_it_has_kernels) {
  for (const int sm_version : {80, 90, 100}) {
    EXPECT_EQ(on(with_heads(64), sm_version), flash_attn_2);
    EXPECT_EQ(on(with_heads(64), sm_version, Precision::fp32), sdpa);
    EXPECT_EQ(on(with_heads(60), sm_version), sdpa) << "no multiple of 8";
    EXPECT_EQ(on(with_heads(64, manual), sm_version), manual);
    EXPECT_EQ(on(with_heads(264), sm_version), manual);
  }
  ModelShape dropping = with_heads(64);
  dropping.dropout = 0.1;
  EXPECT_EQ(on(dropping, 90), sdpa);
}

TEST(GpuAttention, takes_wide_heads_on_hopper_alone) {
  EXPECT_EQ(on(with_heads(256), 90), flash_attn_2);
  EXPECT_EQ(on(with_heads(256), 80), sdpa);
  EXPECT_EQ(on(with_heads(256), 100), sdpa);
  const ModelShape shape = with_heads(256);
  EXPECT_EQ(gpu_attention({shape, Precision::bf16}), flash_attn_2) << "on no GPU in particular";
}

TEST(GpuAttention, falls_back_from_what_was_asked_for) {
  EXPECT_EQ(on(with_heads(60, flash_attn_2), 90), sdpa);
  EXPECT_EQ(on(with_heads(264, sdpa), 90), manual);
  EXPECT_EQ(on(with_heads(64, sdpa), 90), sdpa);
}

TEST(GpuAttention, says_why_not) {
  const ModelShape odd = with_heads(60), wide = with_heads(136);
  const GpuKernels a100{.sm_version = 80};
  EXPECT_EQ(why_no_gpu_attention(manual, {odd, Precision::fp32}), std::nullopt);
  EXPECT_EQ(why_no_gpu_attention(flash_attn_2, {odd, Precision::bf16}),
            "its heads are multiples of 8, model.d_head is 60");
  EXPECT_EQ(why_no_gpu_attention(flash_attn_2, {wide, Precision::bf16, a100}),
            "it takes heads of up to 128 here, model.d_head is 136");
  EXPECT_EQ(why_no_gpu_attention(flash_attn_2, {wide, Precision::fp32}),
            "cuDNN has no kernel in fp32");
  EXPECT_THAT(*why_no_gpu_attention(flash_attn_2, {with_heads(64), Precision::bf16, a100, true}),
              HasSubstr("no backward pass with data.document_mask for sm80"));
}

}  // namespace
}  // namespace isoflop
