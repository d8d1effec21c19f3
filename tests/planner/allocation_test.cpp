// SPDX-License-Identifier: MIT
#include "planner/allocation.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"

namespace isoflop {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Partition nodes_of_eight(int nodes) {
  Partition partition;
  partition.name = "gpu";
  partition.nodes = nodes;
  partition.devices_per_node = 8;
  return partition;
}

std::vector<int> devices(const std::vector<JobSize>& sizes) {
  std::vector<int> counts;
  for (const JobSize& size : sizes) counts.push_back(size.devices());
  return counts;
}

TEST(Allocation, sizes_are_powers_of_two_and_the_whole_partition) {
  EXPECT_THAT(devices(job_sizes(nodes_of_eight(6), {}, {})), ElementsAre(1, 2, 4, 8, 16, 32, 48));
}

TEST(Allocation, no_size_exceeds_the_gpus_a_job_may_have) {
  Allocation allocation;
  allocation.max_gpus_per_job = 20;
  EXPECT_THAT(devices(job_sizes(nodes_of_eight(6), allocation, {})), ElementsAre(1, 2, 4, 8, 16));
  allocation.max_gpus_per_job = 3;
  EXPECT_THAT(devices(job_sizes(nodes_of_eight(6), allocation, {})), ElementsAre(1, 2, 3));
}

TEST(Allocation, a_number_asked_for_is_the_only_size) {
  const std::vector<JobSize> sizes = job_sizes(nodes_of_eight(6), {}, 24);
  ASSERT_EQ(sizes.size(), 1U);
  EXPECT_EQ(sizes.front().nodes, 3);
  EXPECT_EQ(sizes.front().devices_per_node, 8);
  EXPECT_EQ(job_sizes(nodes_of_eight(6), {}, 5).front().devices_per_node, 5);
}

TEST(Allocation, numbers_that_cannot_be_had_are_refused) {
  const auto refusal = [](int n, const Allocation& allocation) {
    return test::message_of<ConfigError>([&] { job_sizes(nodes_of_eight(6), allocation, n); });
  };
  EXPECT_THAT(refusal(49, {}), HasSubstr("6 nodes of 8"));
  EXPECT_THAT(refusal(0, {}), HasSubstr("ask for 1 to 48"));
  EXPECT_THAT(refusal(12, {}), HasSubstr("multiple of 8"));
  Allocation allocation;
  allocation.max_gpus_per_job = 16;
  EXPECT_THAT(refusal(24, allocation), HasSubstr("max_gpus_per_job is 16"));
}

TEST(Allocation, a_job_is_part_of_a_node_or_whole_nodes) {
  for (const int possible : {1, 5, 8, 24, 48})
    EXPECT_TRUE(has_job_size(nodes_of_eight(6), possible)) << possible;
  for (const int impossible : {-8, 0, 12, 49, 56})
    EXPECT_FALSE(has_job_size(nodes_of_eight(6), impossible)) << impossible;
}

}  // namespace
}  // namespace isoflop
