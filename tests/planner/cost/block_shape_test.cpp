// SPDX-License-Identifier: MIT
#include "planner/cost/block_shape.hpp"

#include "core/model/param_count.hpp"
#include "planner/cost/cost_fixtures.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

BlockParameters parameters(const ModelShape& shape, const ParallelLayout& layout = {}) {
  return block_parameters(shape, layout, expert_share(shape));
}

TEST(BlockShape, counts_the_parameters_a_device_holds) {
  const ModelShape shape = test::small_shape();
  const ParamCount count = count_params(shape);
  const auto matrices = static_cast<double>(count.attention + count.ffn) / 2;
  EXPECT_DOUBLE_EQ(parameters(shape).shared_by_data, matrices);
  EXPECT_DOUBLE_EQ(parameters(shape, {.tensor = 2}).shared_by_data, matrices / 2);
  EXPECT_EQ(parameters(shape).experts, 0);
}

TEST(BlockShape, experts_are_shared_out) {
  ModelShape shape = test::small_shape();
  shape.moe = MoeShape{.n_routed_expert = 8, .n_active_expert = 2, .d_ff_expert = 256};
  EXPECT_DOUBLE_EQ(parameters(shape).experts, 8.0 * 2 * 64 * 256);
  EXPECT_DOUBLE_EQ(parameters(shape, {.data = 4, .expert = 4}).experts, 2.0 * 2 * 64 * 256);
}

TEST(BlockShape, latent_attention_counts_its_own_projections) {
  ModelShape shape = test::small_shape();
  shape.mla = MlaShape{.q_lora_rank = 32,
                       .kv_lora_rank = 16,
                       .qk_nope_head_dim = 8,
                       .qk_rope_head_dim = 8,
                       .v_head_dim = 16};
  // 64x32, 32x(4x16), 64x(16+8), 16x(4x(8+16)), (4x16)x64 and the FFN's 2 x 64 x 256.
  const double weights = 64 * 32 + 32 * 64 + 64 * 24 + 16 * 96 + 64 * 64 + 2 * 64 * 256;
  EXPECT_DOUBLE_EQ(parameters(shape).shared_by_data, weights);
  // Tensor groups hold the two down-projections whole.
  const double down = 64 * 32 + 64 * 24;
  EXPECT_DOUBLE_EQ(parameters(shape, {.tensor = 2}).shared_by_data, down + (weights - down) / 2);
}

}  // namespace
}  // namespace isoflop
