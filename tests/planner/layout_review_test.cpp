// SPDX-License-Identifier: MIT
#include "planner/layout_review.hpp"

#include "planner/planner_fixtures.hpp"
#include "support/published_shapes.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

TEST(LayoutReview, every_layout_fits_or_is_rejected_for_its_largest_term) {
  const Cluster cluster = test::h100_cluster();
  const Partition& partition = cluster.partitions.front();
  const Calibration calibration = load_calibration(partition.device.kind);
  const MachineModel machine = make_machine_model(partition, {1, 8}, Precision::bf16, calibration);
  const LayoutRequest request{2048, 64 * 2048.0};
  MemoryModel memory = memory_model(test::llama_7b(), request, machine);
  const MemoryCapacity capacity = memory_capacity(partition, calibration);
  const LayoutChoice choice = find_layout(memory, request, machine, capacity);
  ASSERT_TRUE(choice.best);
  const LayoutReview review =
      review_layouts(memory, request, machine, capacity, *choice.best, false);
  EXPECT_EQ(review.tried, static_cast<int64_t>(candidate_layouts(request, 8, 8).size()));
  int64_t rejected = 0;
  for (const RejectedLayouts& group : review.rejected) {
    rejected += group.layouts;
    EXPECT_LE(group.faster, group.layouts);
    EXPECT_EQ(group.fastest.memory.terms().front().first, group.largest_term);
    EXPECT_GT(static_cast<double>(group.fastest.memory.total()), capacity.usable_bytes());
  }
  EXPECT_EQ(review.tried, review.fitting + rejected);
  EXPECT_GT(rejected, 0);
}

TEST(LayoutReview, nothing_is_rejected_where_all_fits) {
  const Cluster cluster = test::h100_cluster();
  const Partition& partition = cluster.partitions.front();
  const Calibration calibration = load_calibration(partition.device.kind);
  const MachineModel machine = make_machine_model(partition, {1, 8}, Precision::bf16, calibration);
  const LayoutRequest request{1024, 8 * 1024.0};
  MemoryModel memory = memory_model(test::gpt2_124m(), request, machine);
  const MemoryCapacity capacity = memory_capacity(partition, calibration);
  const LayoutChoice choice = find_layout(memory, request, machine, capacity);
  const LayoutReview review =
      review_layouts(memory, request, machine, capacity, choice.best.value(), false);
  EXPECT_EQ(review.fitting, review.tried);
  EXPECT_TRUE(review.rejected.empty());
}

}  // namespace
}  // namespace isoflop
