// SPDX-License-Identifier: MIT
#include "planner/analysis/foreign_memory.hpp"

#include "core/model/param_count.hpp"
#include "support/published_shapes.hpp"

#include <gmock/gmock.h>

namespace isoflop {
namespace {

int64_t state(const MemoryEstimate& memory) {
  return memory.parameters + memory.gradients + memory.optimizer;
}

MemoryEstimate memory_of(const ModelShape& shape, const Layout& layout,
                         OptimizerKind optimizer = OptimizerKind::adamw) {
  return estimate_any_memory({.shape = shape,
                              .layout = layout,
                              .seq_len = 4096,
                              .precision = Precision::bf16,
                              .optimizer = optimizer});
}

Layout sharded(int64_t n_shard) {
  Layout layout;
  layout.strategy = ParallelStrategy::fsdp;
  layout.n_shard = n_shard;
  return layout;
}

TEST(ForeignMemory, is_the_trainers_own_for_what_it_runs) {
  const ModelShape shape = test::llama_7b();
  const Layout layout = sharded(8);
  const MemoryRequest request{
      .shape = shape, .layout = layout, .seq_len = 4096, .precision = Precision::bf16};
  EXPECT_EQ(estimate_any_memory(request).total(), estimate_memory(request).total());
}

TEST(ForeignMemory, states_are_18_bytes_of_every_expert_and_16_of_a_shard) {
  for (const ModelShape& shape : {test::mixtral_8x7b(), test::deepseek_v3()}) {
    const auto n_params = static_cast<double>(count_params(shape).total());
    // Norms, routers and biases, a few thousandths, are left out.
    EXPECT_NEAR(static_cast<double>(state(memory_of(shape, {}))) / n_params, 18, 0.06);
    EXPECT_NEAR(64 * static_cast<double>(state(memory_of(shape, sharded(64)))) / n_params, 16,
                0.06);
  }
}

TEST(ForeignMemory, muon_saves_a_moment_of_all_but_the_tables) {
  const ModelShape shape = test::mixtral_8x7b();
  const int64_t adamw = memory_of(shape, sharded(8)).optimizer;
  const int64_t muon = memory_of(shape, sharded(8), OptimizerKind::muon).optimizer;
  const double blocks = static_cast<double>(count_params(shape).total()) - 2.0 * 32000 * 4096;
  EXPECT_NEAR(static_cast<double>(adamw - muon), blocks * 4 / 8, blocks * 0.001);
}

TEST(ForeignMemory, recomputation_and_stored_scores_change_activations) {
  ModelShape shape = test::deepseek_v3();
  Layout layout = sharded(64);
  const int64_t all = memory_of(shape, layout).activations;
  shape.attention_backend = AttentionBackend::manual;
  // 5 bytes a score of 128 heads in 61 layers.
  EXPECT_NEAR(static_cast<double>(memory_of(shape, layout).activations - all),
              5.0 * 61 * 128 * 4096 * 4096, 1);
  layout.recompute = Recompute::selective;
  EXPECT_EQ(memory_of(shape, layout).activations, all);
  shape.attention_backend = AttentionBackend::automatic;
  layout.recompute = Recompute::full;
  EXPECT_LT(memory_of(shape, layout).activations, all / 10);
}

}  // namespace
}  // namespace isoflop
