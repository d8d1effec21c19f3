// SPDX-License-Identifier: MIT
#include "planner/analysis/memory_study.hpp"

#include "core/base/error.hpp"
#include "planner/planner_fixtures.hpp"
#include "support/error_matchers.hpp"
#include "support/published_shapes.hpp"

#include <set>

namespace isoflop {
namespace {

using testing::HasSubstr;

class MemoryStudyTest : public testing::Test {
 protected:
  MemoryStudy study(int64_t n_gpu, int64_t micro_batch_size = 1) const {
    return study_of(shape_, n_gpu, micro_batch_size);
  }
  MemoryStudy study_of(const ModelShape& shape, int64_t n_gpu, int64_t micro_batch_size = 1) const {
    return study_memory({.shape = shape,
                         .gpu = gpu_,
                         .n_gpu = n_gpu,
                         .micro_batch_size = micro_batch_size,
                         .seq_len = 2048});
  }
  static const MemoryRow& row(const MemoryStudy& study, ParallelStrategy strategy,
                              OptimizerKind optimizer, Recompute recompute,
                              AttentionBackend attention) {
    for (const MemoryRow& candidate : study.rows)
      if (candidate.layout.strategy == strategy && candidate.optimizer == optimizer &&
          candidate.layout.recompute == RecomputePlan(recompute) &&
          candidate.attention == attention)
        return candidate;
    throw std::runtime_error("no such row");
  }

  const ModelShape shape_ = test::llama_7b();
  const DeviceSpec gpu_ = test::catalog().find("H100-SXM5-80GB").spec;
};

TEST_F(MemoryStudyTest, covers_every_combination_once) {
  const MemoryStudy result = study(16);
  EXPECT_EQ(result.rows.size(), 5u * 2 * 3 * 2);
  std::set<std::string> seen;
  for (const MemoryRow& entry : result.rows)
    seen.insert(to_string(entry.layout) + std::to_string(static_cast<int>(entry.optimizer)) +
                std::to_string(static_cast<int>(entry.attention)));
  EXPECT_EQ(seen.size(), result.rows.size());
}

TEST_F(MemoryStudyTest, every_layout_uses_all_gpus) {
  for (const int64_t n_gpu : {1, 2, 3, 8, 16, 24, 100})
    for (const MemoryRow& entry : study(n_gpu).rows)
      EXPECT_EQ(entry.layout.world_size(), n_gpu) << to_string(entry.layout);
}

TEST_F(MemoryStudyTest, hsdp_shards_within_a_node_and_replicates_twice_or_more) {
  const auto shards = [&](int64_t n_gpu) {
    for (const MemoryRow& entry : study(n_gpu).rows)
      if (entry.layout.strategy == ParallelStrategy::hsdp) return entry.layout.n_shard;
    return int64_t{0};
  };
  EXPECT_EQ(shards(64), 8);
  EXPECT_EQ(shards(8), 4);
  EXPECT_EQ(shards(12), 6);
  EXPECT_EQ(shards(2), 0);
  EXPECT_EQ(shards(7), 0);
}

TEST_F(MemoryStudyTest, ddp_keeps_18_bytes_a_parameter_beside_activations) {
  const MemoryEstimate memory = row(study(8), ParallelStrategy::ddp, OptimizerKind::adamw,
                                    Recompute::none, AttentionBackend::automatic)
                                    .memory;
  const int64_t state =
      memory.parameters + memory.compute_parameters + memory.gradients + memory.optimizer;
  EXPECT_NEAR(static_cast<double>(state), 18.0 * 6'738'415'616, 1e6);  // padding of shards
}

TEST_F(MemoryStudyTest, fits_is_the_total_against_what_is_usable) {
  const MemoryStudy result = study(8);
  const auto fits = [&](ParallelStrategy strategy, OptimizerKind optimizer) {
    return row(result, strategy, optimizer, Recompute::full, AttentionBackend::automatic).fits;
  };
  EXPECT_FALSE(fits(ParallelStrategy::ddp, OptimizerKind::adamw));  // 113 GiB of state
  EXPECT_TRUE(fits(ParallelStrategy::fsdp, OptimizerKind::adamw));
  for (const MemoryRow& entry : result.rows)
    EXPECT_EQ(entry.fits,
              static_cast<double>(entry.memory.total()) <= result.capacity.usable_bytes());
}

TEST_F(MemoryStudyTest, manual_attention_keeps_all_scores) {
  const MemoryStudy result = study(8);
  const auto activations = [&](AttentionBackend attention) {
    return row(result, ParallelStrategy::fsdp, OptimizerKind::adamw, Recompute::none, attention)
        .memory.activations;
  };
  EXPECT_EQ(activations(AttentionBackend::manual) - activations(AttentionBackend::automatic),
            int64_t{32} * 32 * 2048 * 2048 * 2 - int64_t{32} * 32 * 2048 * 4);
}

TEST_F(MemoryStudyTest, one_gpu_has_ddp_alone) {
  for (const MemoryRow& entry : study(1).rows)
    EXPECT_EQ(entry.layout.strategy, ParallelStrategy::ddp);
  EXPECT_EQ(study(1).rows.size(), 12u);
}

TEST_F(MemoryStudyTest, models_with_experts_have_every_row_too) {
  const MemoryStudy result = study_of(test::mixtral_8x7b(), 64);
  EXPECT_EQ(result.rows.size(), 5u * 2 * 3 * 2);
  EXPECT_FALSE(row(result, ParallelStrategy::ddp, OptimizerKind::adamw, Recompute::full,
                   AttentionBackend::automatic)
                   .fits);  // 783 GiB of state
  EXPECT_TRUE(row(result, ParallelStrategy::fsdp, OptimizerKind::adamw, Recompute::full,
                  AttentionBackend::automatic)
                  .fits);
}

TEST_F(MemoryStudyTest, wrong_requests_name_the_option) {
  EXPECT_THAT(test::message_of<ConfigError>([&] { study(0); }), HasSubstr("--gpus is 0"));
  EXPECT_THAT(test::message_of<ConfigError>([&] { study(8, 0); }), HasSubstr("--micro-batch is 0"));
}

}  // namespace
}  // namespace isoflop
