// SPDX-License-Identifier: MIT
#include "planner/what_if/layout_ranking.hpp"

#include "planner/planner_fixtures.hpp"
#include "planner/what_if/layout_study.hpp"
#include "support/published_shapes.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace isoflop {
namespace {

class LayoutRankings : public testing::Test {
 protected:
  LayoutStudyRequest request(int nodes, int64_t batch) const {
    LayoutStudyRequest request;
    request.shape = test::llama_7b();
    request.partition = cluster_.partitions.front();
    request.job = {nodes, 8};
    request.seq_len = 2048;
    request.global_batch = batch;
    request.what_if = true;
    return request;
  }
  Cluster cluster_ = test::h100_cluster();
};

void expect_equal(const LayoutRanking& a, const LayoutRanking& b) {
  EXPECT_EQ(a.priced(), b.priced());
  EXPECT_EQ(a.fitting(), b.fitting());
  ASSERT_EQ(a.fastest.size(), b.fastest.size());
  for (std::size_t i = 0; i < a.fastest.size(); ++i) {
    EXPECT_EQ(to_string(a.fastest[i].layout), to_string(b.fastest[i].layout));
    EXPECT_EQ(a.fastest[i].step_time.total(), b.fastest[i].step_time.total());
  }
}

TEST_F(LayoutRankings, does_not_depend_on_the_number_of_threads) {
  LayoutStudyRequest one = request(2, 64);
  LayoutStudyRequest three = one;
  three.threads = 3;
  expect_equal(study_layouts(one).ranking, study_layouts(three).ranking);
}

TEST_F(LayoutRankings, keeps_the_fastest_that_fit_in_order) {
  const LayoutStudyRequest asked = request(1, 16);
  const LayoutStudy study = study_layouts(asked);
  const Calibration calibration = load_calibration(asked.partition.device.kind);
  const MachineModel machine =
      make_machine_model(asked.partition, asked.job, Precision::bf16, calibration);
  const LayoutJob job = layout_job(asked, 8);
  LayoutPricer pricer(asked.shape, 2048, machine, Precision::bf16, true);
  std::vector<double> times;
  for (const Split& split : all_splits(job)) {
    if (broken_rule(job, split)) continue;
    for_each_layout(job, split, [&](const SearchedLayout& layout) {
      const PricedLayout priced = pricer.price(layout);
      if (static_cast<double>(priced.memory.total()) <= study.capacity.usable_bytes())
        times.push_back(priced.step_time.total());
    });
  }
  std::sort(times.begin(), times.end());
  EXPECT_EQ(study.ranking.fitting(), static_cast<int64_t>(times.size()));
  ASSERT_EQ(study.ranking.fastest.size(), asked.top);
  for (std::size_t i = 0; i < asked.top; ++i)
    EXPECT_EQ(study.ranking.fastest[i].step_time.total(), times[i]);
}

TEST_F(LayoutRankings, every_priced_layout_fits_or_is_rejected_for_a_term) {
  const LayoutStudy study = study_layouts(request(1, 32));
  int64_t rejected = 0;
  for (const SplitOutcome& outcome : study.ranking.splits) {
    int64_t of_split = 0;
    for (const MemoryRejection& rejection : outcome.rejected) {
      of_split += rejection.layouts;
      if (!rejection.nearest) continue;
      EXPECT_GT(static_cast<double>(rejection.nearest->memory.total()),
                study.capacity.usable_bytes());
    }
    EXPECT_EQ(outcome.priced, outcome.fitting + of_split);
    rejected += of_split;
  }
  EXPECT_GT(rejected, 0);
  EXPECT_GT(study.ranking.fitting(), 0);
}

TEST_F(LayoutRankings, the_trainers_layouts_have_the_trainers_memory) {
  LayoutStudyRequest own = request(1, 16);
  own.what_if = false;
  const LayoutStudy study = study_layouts(own);
  const MachineModel machine = make_machine_model(own.partition, own.job, Precision::bf16,
                                                  load_calibration(own.partition.device.kind));
  for (const PricedLayout& priced : study.ranking.fastest) {
    const Layout layout = trainer_layout(priced.layout);
    EXPECT_EQ(
        priced.memory.total(),
        estimate_memory({own.shape, layout, 2048, Precision::bf16, machine.gpu_kernels}).total());
    EXPECT_EQ(priced.step_time.total(),
              predict_step_time(own.shape, layout, 2048, machine).total());
  }
}

TEST_F(LayoutRankings, excess_names_the_largest_term) {
  MemoryEstimate memory;
  memory.optimizer = int64_t{61} << 30;
  memory.activations = int64_t{42} << 30;
  EXPECT_EQ(describe_excess(memory, 80.0 * (int64_t{1} << 30)),
            "needs 103 GiB of 80.0 GiB: optimizer state, 61.0 GiB, is the largest");
}

TEST_F(LayoutRankings, tensor_groups_stay_inside_the_domain_of_the_catalogue) {
  EXPECT_EQ(study_layouts(request(2, 16)).fast_domain, 8);
  LayoutStudyRequest without_links = request(2, 16);
  without_links.partition.device.scaleup_domain.reset();
  const LayoutStudy study = study_layouts(without_links);
  for (const SplitOutcome& outcome : study.ranking.splits)
    EXPECT_EQ(outcome.split.tensor == 1, outcome.broken != SplitRule::tensor_domain);
}

TEST_F(LayoutRankings, a_layout_that_needs_recomputation_recomputes_only_some_blocks) {
  // Memory falls with every block that is run again.
  LayoutStudyRequest asked = request(1, 64);
  const MachineModel machine = make_machine_model(asked.partition, asked.job, Precision::bf16,
                                                  load_calibration(asked.partition.device.kind));
  LayoutPricer pricer(asked.shape, 2048, machine, Precision::bf16, true);
  SearchedLayout layout{.parallel = {.data = 1, .tensor = 8, .micro_batch = 8}, .recompute = {}};
  const auto memory_with = [&](int64_t whole) {
    layout.recompute = {.whole = whole, .blocks = 32};
    layout.parallel.recompute = recompute_share(layout.recompute, SelectiveRule::attention);
    return static_cast<double>(pricer.price(layout).memory.activations);
  };
  const double step = memory_with(2) - memory_with(1);
  EXPECT_LT(step, 0);
  for (int64_t whole = 2; whole < 32; ++whole)
    EXPECT_NEAR(memory_with(whole + 1) - memory_with(whole), step, 1e-6 * std::abs(step) + 2);
}

}  // namespace
}  // namespace isoflop
