// SPDX-License-Identifier: MIT
#include "planner/layout_search.hpp"

#include "planner/planner_fixtures.hpp"
#include "planner/shape_search.hpp"

#include <gtest/gtest.h>

#include <set>

namespace isoflop {
namespace {

ModelShape gpu_shape(int64_t d_model, int64_t n_layer) {
  return make_shape({.device = DeviceClass::gpu, .vocab_size = 50257, .seq_len = 2048}, d_model,
                    n_layer);
}

class LayoutSearch : public testing::Test {
 protected:
  LayoutChoice find(const ModelShape& shape, int nodes, double batch_tokens) const {
    const MachineModel machine =
        make_machine_model(partition(), {nodes, 8}, Precision::bf16, calibration_);
    const LayoutRequest request{2048, batch_tokens};
    MemoryModel memory = memory_model(shape, request, machine);
    return find_layout(memory, request, machine, memory_capacity(partition(), calibration_));
  }
  const Partition& partition() const { return cluster_.partitions.front(); }

  Cluster cluster_ = test::h100_cluster();
  Calibration calibration_ = load_calibration(partition().device.kind);
};

TEST_F(LayoutSearch, seven_billion_parameters_need_sharding_on_80_gb) {
  // 16 bytes a parameter and a 2-byte copy are 113 GiB in ddp.
  const LayoutChoice choice = find(gpu_shape(4096, 32), 1, 1e6);
  ASSERT_TRUE(choice.best.has_value());
  EXPECT_FALSE(keeps_whole_gradients(choice.best->layout));
  EXPECT_LE(static_cast<double>(choice.best->memory.total()),
            memory_capacity(partition(), calibration_).usable_bytes());
}

TEST_F(LayoutSearch, the_choice_is_the_fastest_that_fits) {
  const ModelShape shape = gpu_shape(2048, 24);
  const LayoutChoice choice = find(shape, 2, 5e5);
  ASSERT_TRUE(choice.best.has_value());
  const MachineModel machine =
      make_machine_model(partition(), {2, 8}, Precision::bf16, calibration_);
  const double best_s =
      choice.best->step_time.total() / static_cast<double>(choice.best->layout.global_batch_size());
  int compared = 0;
  for (const Layout& layout : candidate_layouts({2048, 5e5}, 16, 8)) {
    const auto bytes = estimate_memory({shape, layout, 2048, Precision::bf16}).total();
    if (static_cast<double>(bytes) > memory_capacity(partition(), calibration_).usable_bytes())
      continue;
    const double other_s = predict_step_time(shape, layout, 2048, machine).total();
    // Layouts within half a per cent count as equally fast.
    EXPECT_LE(best_s, 1.006 * other_s / static_cast<double>(layout.global_batch_size()));
    ++compared;
  }
  EXPECT_GT(compared, 4);
}

TEST_F(LayoutSearch, what_does_not_fit_comes_with_the_nearest_attempt) {
  const LayoutChoice choice = find(gpu_shape(16384, 128), 1, 1e6);
  EXPECT_FALSE(choice.best.has_value());
  ASSERT_TRUE(choice.nearest.has_value());
  EXPECT_EQ(choice.nearest->layout.recompute, Recompute::full);
  EXPECT_EQ(choice.nearest->layout.micro_batch_size, 1);
}

TEST(CandidateLayouts, keep_the_batch_near_the_one_wanted) {
  for (const Layout& layout : candidate_layouts({2048, 1e6}, 32, 8)) {
    const double ratio = static_cast<double>(layout.global_batch_size() * 2048) / 1e6;
    EXPECT_LE(ratio, kBatchTolerance);
    EXPECT_GE(ratio, 1 / kBatchTolerance);
  }
}

TEST(CandidateLayouts, have_every_strategy_and_recomputation) {
  std::set<ParallelStrategy> strategies;
  std::set<Recompute> modes;
  std::set<int64_t> hybrid_shards;
  for (const Layout& layout : candidate_layouts({2048, 1e6}, 64, 8)) {
    EXPECT_EQ(layout.world_size(), 64);
    strategies.insert(layout.strategy);
    modes.insert(layout.recompute.parts_of_any().mode());
    if (layout.strategy == ParallelStrategy::hsdp) hybrid_shards.insert(layout.n_shard);
  }
  EXPECT_EQ(strategies.size(), kStrategyNames.size());
  EXPECT_EQ(modes.size(), kRecomputeNames.size());
  EXPECT_EQ(hybrid_shards, (std::set<int64_t>{8, 32}));
}

TEST(CandidateLayouts, are_none_when_ranks_outnumber_sequences) {
  EXPECT_TRUE(candidate_layouts({2048, 1e5}, 128, 8).empty());
  EXPECT_FALSE(candidate_layouts({2048, 1000}, 1, 1).empty());  // one rank always has one
}

TEST(MemoryCapacity, leaves_room_for_runtime_and_fragmentation) {
  Partition partition;
  partition.device.mem_gb = 10;
  Calibration calibration;
  calibration.runtime_memory_gib = 1;
  calibration.fragmentation = 0.25;
  const MemoryCapacity capacity = memory_capacity(partition, calibration);
  EXPECT_DOUBLE_EQ(capacity.usable_bytes(), (10e9 - 1073741824.0) / 1.25);
}

TEST(MemoryCapacity, cpu_ranks_share_their_nodes_memory) {
  Partition partition;
  partition.device.kind = DeviceClass::cpu;
  partition.device.mem_gb = 10;
  partition.mem_gb_per_node = 8;
  partition.devices_per_node = 4;
  EXPECT_DOUBLE_EQ(memory_capacity(partition, Calibration{}).device_bytes, 2e9);
}

}  // namespace
}  // namespace isoflop
