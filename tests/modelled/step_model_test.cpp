// SPDX-License-Identifier: MIT
#include "modelled/step_model.hpp"

#include "modelled/step_profile.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace isoflop::test {
namespace {

using emulation::TimelineEntry;
using emulation::Work;
using emulation::WorkKind;

/// Round figures: a product of 1e9 FLOPs takes 1 s, a link byte 1 s, half the GPU goes to
/// collectives.
GpuRates round_rates() {
  GpuRates rates;
  rates.product_flops = 1e9;
  rates.memory_bytes_per_s = 4;
  rates.link_bytes_per_s = 1;
  rates.collective_latency_s = rates.kernel_gap_s = rates.shortest_kernel_s = 0;
  rates.host_call_s = 0;
  rates.n_multiprocessor = 4;
  return rates;
}

Work product(double seconds) { return {.kind = WorkKind::product, .flops = 1e9 * seconds}; }
Work collective(int64_t seconds) {
  return {.kind = WorkKind::collective, .link_bytes = seconds, .n_block = 2};
}

TimelineEntry entry(int stream, int64_t number, Work work, std::vector<int64_t> after) {
  return {"op", std::move(work), stream, number, std::move(after), number};
}

TEST(StepModel, streams_run_beside_each_other_and_an_event_orders_them) {
  const std::vector<std::vector<TimelineEntry>> steps = {{entry(0, 1, product(2), {1, 0}),
                                                          entry(2, 1, product(2), {1, 0, 1}),
                                                          entry(0, 2, product(1), {2, 0, 1})}};
  const TimedSteps timed = play(steps, round_rates());
  EXPECT_DOUBLE_EQ(timed[0][0].end_s, 2);
  EXPECT_DOUBLE_EQ(timed[0][1].start_s, 2);
  EXPECT_DOUBLE_EQ(timed[0][2].start_s, 4);
}

TEST(StepModel, kernels_follow_each_other_sooner_in_a_graph) {
  GpuRates rates = round_rates();
  rates.kernel_gap_s = 3;
  rates.graph_kernel_gap_s = 1;
  Work work = product(2);
  EXPECT_DOUBLE_EQ(seconds_alone(work, rates), 5);
  work.in_graph = true;
  EXPECT_DOUBLE_EQ(seconds_alone(work, rates), 3);
}

TEST(StepModel, kernels_of_two_streams_share_the_gpu) {
  const std::vector<std::vector<TimelineEntry>> steps = {
      {entry(0, 1, product(1), {1}), entry(1, 1, product(1), {0, 1})}};
  EXPECT_DOUBLE_EQ(play(steps, round_rates())[0][0].end_s, 2);
}

TEST(StepModel, collectives_of_two_streams_share_the_links_but_not_with_the_network) {
  const std::vector<std::vector<TimelineEntry>> links = {
      {entry(0, 1, collective(1), {1}), entry(1, 1, collective(2), {0, 1})}};
  const TimedSteps timed = play(links, round_rates());
  EXPECT_DOUBLE_EQ(timed[0][0].end_s, 2);
  EXPECT_DOUBLE_EQ(timed[0][1].end_s, 3);
  GpuRates rates = round_rates();
  rates.network_bytes_per_s = 0.25;
  Work between_nodes = collective(1);
  between_nodes.crosses_nodes = true;
  const std::vector<std::vector<TimelineEntry>> both = {
      {entry(0, 1, collective(1), {1}), entry(1, 1, between_nodes, {0, 1})}};
  EXPECT_DOUBLE_EQ(play(both, rates)[0][0].end_s, 1);
  EXPECT_DOUBLE_EQ(play(both, rates)[0][1].end_s, 4);
}

TEST(StepModel, a_collective_takes_its_multiprocessors_as_long_as_it_runs) {
  const std::vector<std::vector<TimelineEntry>> steps = {
      {entry(0, 1, product(3), {1}), entry(1, 1, collective(2), {0, 1})}};
  // 2 s at half speed, then 2 s alone
  EXPECT_DOUBLE_EQ(play(steps, round_rates())[0][0].end_s, 4);
}

TEST(StepModel, a_collective_takes_bandwidth_of_what_is_bound_by_memory) {
  const Work kernel{.kind = WorkKind::kernel, .read_bytes = 8, .n_block = 4};
  const std::vector<std::vector<TimelineEntry>> steps = {
      {entry(0, 1, kernel, {1}), entry(1, 1, collective(8), {0, 1})}};
  EXPECT_DOUBLE_EQ(play(steps, round_rates())[0][0].end_s, 4);
}

TEST(StepModel, a_kernel_of_one_block_has_one_multiprocessors_bandwidth) {
  EXPECT_DOUBLE_EQ(
      seconds_alone({.kind = WorkKind::kernel, .read_bytes = 8, .n_block = 1}, round_rates()), 8);
}

TEST(StepModel, the_host_enqueues_a_step_when_the_results_of_the_last_but_one_are_there) {
  GpuRates rates = round_rates();
  rates.host_bytes_per_s = 1;
  const Work results{.kind = WorkKind::copy, .read_bytes = 1, .host_bytes = 1};
  std::vector<std::vector<TimelineEntry>> steps;
  for (int64_t step = 0; step < 3; ++step)
    steps.push_back({entry(0, step + 1, results, {step + 1})});
  const TimedSteps timed = play(steps, rates);
  EXPECT_DOUBLE_EQ(timed[2][0].start_s, 2);
  rates.host_call_s = 10;  // every call
  EXPECT_DOUBLE_EQ(play(steps, rates)[2][0].start_s, 30);
}

TEST(StepModel, waiting_for_what_never_comes_is_an_error) {
  const std::vector<std::vector<TimelineEntry>> steps = {
      {entry(0, 1, product(1), {1, 5}), entry(1, 1, product(1), {0, 1})}};
  EXPECT_THROW(play(steps, round_rates()), std::logic_error);
}

TEST(StepProfile, tells_idle_time_beside_collectives_from_other_idle_time) {
  // step 1 ends at 1; of step 2 the collective runs from 1 to 4, and compute from 4 to 5
  const std::vector<std::vector<TimelineEntry>> steps = {
      {entry(0, 1, product(1), {1})},
      {entry(1, 1, collective(3), {1, 1}), entry(0, 2, product(1), {2, 1})}};
  const GpuRates rates = round_rates();
  const StepProfile profile = profile_of(play(steps, rates), rates);
  EXPECT_DOUBLE_EQ(profile.step_s, 4);
  EXPECT_DOUBLE_EQ(profile.idle_beside_collective_s, 3);
  EXPECT_DOUBLE_EQ(profile.idle_s, 0);
  EXPECT_DOUBLE_EQ(profile.collectives_s, 3);
}

}  // namespace
}  // namespace isoflop::test
