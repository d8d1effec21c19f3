// SPDX-License-Identifier: MIT
#include "planner/operations.hpp"

#include "core/model/flops.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

/// Llama 3 8B (arXiv:2407.21783, table 3): grouped heads and a gated FFN.
ModelShape llama3_8b() {
  ModelShape shape;
  shape.n_layer = 32;
  shape.d_model = 4096;
  shape.n_head = 32;
  shape.n_kv_head = 8;
  shape.d_head = 128;
  shape.d_ff = 14336;
  shape.vocab_size = 128256;
  shape.max_seq_len = 8192;
  return shape;
}

TEST(Operations, products_add_up_to_the_models_flops) {
  const ModelShape shape = llama3_8b();
  const FlopsPerToken flops = forward_flops_per_token(shape, 8192);
  double products = head_gemm(shape, 1).flops();
  for (const Gemm& gemm : block_gemms(shape, 1)) products += 32 * gemm.flops();
  EXPECT_DOUBLE_EQ(products, flops.matmul() - flops.attention_scores);
}

TEST(Operations, backward_is_twice_forward) {
  const Gemm forward{10, 20, 30};
  double backward = 0;
  for (const Gemm& gemm : backward_gemms(forward)) backward += gemm.flops();
  EXPECT_DOUBLE_EQ(backward, 2 * forward.flops());
}

TEST(Operations, element_traffic_counts_norms_rope_and_activation) {
  // 8 d_model for two norms, 2 x 6144 of qkv, 2 x 14336 in and 14336 out of the activation.
  EXPECT_DOUBLE_EQ(block_element_traffic(llama3_8b()).forward, 8 * 4096 + 2 * 6144 + 3 * 14336);
}

}  // namespace
}  // namespace isoflop
