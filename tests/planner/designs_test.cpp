// SPDX-License-Identifier: MIT
#include "planner/designs.hpp"

#include <gmock/gmock.h>

namespace isoflop {
namespace {

/// 8 GPUs a node at 2 an hour and 700 W.
Partition partition_of(double price) {
  Partition partition;
  partition.name = "gpu";
  partition.devices_per_node = 8;
  partition.price_per_gpu_hour = price;
  partition.device.tdp_w = 700;
  return partition;
}

Candidate design(const Partition& partition, int nodes, double hours, double n_params,
                 double loss) {
  Candidate candidate;
  candidate.partition = &partition;
  candidate.job = {nodes, 8};
  candidate.budget.wall_s = hours * 3600;
  candidate.n_params = n_params;
  candidate.surface_loss = loss;
  return candidate;
}

TEST(Candidate, hours_money_and_energy_by_hand) {
  const Partition partition = partition_of(2);
  const Candidate candidate = design(partition, 2, 10, 1e9, 2);
  EXPECT_DOUBLE_EQ(candidate.device_hours(), 160);
  EXPECT_DOUBLE_EQ(*candidate.cost(), 320);
  EXPECT_DOUBLE_EQ(*candidate.energy_kwh(), 112);
}

TEST(NearBestDesigns, name_what_each_saves) {
  const Partition partition = partition_of(2);
  const Candidate choice = design(partition, 8, 24, 4e9, 2.000);
  const std::vector<Candidate> all = {choice, design(partition, 8, 24, 2e9, 2.009),
                                      design(partition, 4, 24, 3.9e9, 2.009),
                                      design(partition, 1, 1, 1e8, 2.011)};  // not as good
  const std::vector<Design> designs = near_best_designs(choice, all);
  ASSERT_EQ(designs.size(), 3U);
  EXPECT_EQ(designs[0].what, "smallest model");
  EXPECT_EQ(designs[0].candidate.n_params, 2e9);
  EXPECT_EQ(designs[1].what, "fewest GPU hours");
  EXPECT_EQ(designs[1].candidate.job.nodes, 4);
  EXPECT_EQ(designs[2].what, "fewest GPUs");
}

TEST(NearBestDesigns, a_saving_below_a_tenth_is_none) {
  const Partition partition = partition_of(2);
  const Candidate choice = design(partition, 8, 24, 4e9, 2);
  EXPECT_TRUE(near_best_designs(choice, {choice, design(partition, 8, 23, 3.9e9, 2)}).empty());
}

TEST(NearBestDesigns, without_losses_there_is_nothing_to_compare) {
  const Partition partition = partition_of(2);
  Candidate choice = design(partition, 8, 24, 4e9, 2);
  choice.surface_loss.reset();
  EXPECT_TRUE(near_best_designs(choice, {choice}).empty());
}

TEST(ParetoFront, leaves_out_what_another_beats) {
  const Partition cheap = partition_of(1);
  const Partition dear = partition_of(5);
  const std::vector<Candidate> all = {design(dear, 1, 10, 1e9, 2.2),   // 80 h, 400
                                      design(dear, 1, 11, 1e9, 2.3),   // beaten
                                      design(cheap, 1, 20, 1e9, 2.25),  // 160 h, 160: money only
                                      design(dear, 1, 30, 1e9, 2.1)};
  const std::vector<FrontPoint> front = pareto_front(all);
  ASSERT_EQ(front.size(), 3U);
  EXPECT_TRUE(front[0].least_hours);
  EXPECT_FALSE(front[1].least_hours);
  EXPECT_TRUE(front[1].least_money);
  EXPECT_TRUE(front[2].least_hours);
}

}  // namespace
}  // namespace isoflop
