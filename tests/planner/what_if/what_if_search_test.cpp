// SPDX-License-Identifier: MIT
#include "planner/what_if/what_if_search.hpp"

#include "core/model/parameter_list.hpp"
#include "planner/planner_fixtures.hpp"
#include "support/published_shapes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace isoflop {
namespace {

class WhatIfSearch : public testing::Test {
 protected:
  MachineModel machine(int nodes) const {
    return make_machine_model(partition(), {nodes, 8}, Precision::bf16, calibration_);
  }
  LayoutChoice find(const ModelShape& shape, int nodes, const LayoutRequest& request) const {
    const MachineModel model = machine(nodes);
    MemoryModel memory = memory_model(shape, request, model);
    return find_what_if_layout(memory, request, model, memory_capacity(partition(), calibration_));
  }
  const Partition& partition() const { return cluster_.partitions.front(); }

  Cluster cluster_ = test::h100_cluster();
  Calibration calibration_ = load_calibration(partition().device.kind);
};

TEST_F(WhatIfSearch, tries_only_layouts_that_the_trainer_lacks_near_the_batch) {
  const LayoutRequest request{2048, 1e6};
  int64_t tried = 0;
  for_each_usual_layout(test::llama_7b(), request, machine(8), [&](const SearchedLayout& layout) {
    ++tried;
    const ParallelLayout& parallel = layout.parallel;
    EXPECT_FALSE(trainer_runs(layout));
    EXPECT_EQ(parallel.devices(), 64);
    EXPECT_LE(parallel.tensor, 8);
    const double ratio = static_cast<double>(parallel.global_batch() * 2048) / 1e6;
    EXPECT_LE(std::max(ratio, 1 / ratio), kBatchTolerance);
    const int64_t round = parallel.virtual_pipeline > 1 ? parallel.pipeline : 1;
    EXPECT_EQ(parallel.n_micro_batch % round, 0);
  });
  EXPECT_GT(tried, 100);
}

TEST_F(WhatIfSearch, splits_a_model_that_the_trainer_cannot_hold) {
  const ModelShape shape = test::llama3_70b();
  // One sequence a rank is more than batch 8 has on 128 ranks.
  const LayoutRequest request{8192, 8 * 8192.0};
  const MachineModel model = machine(16);
  MemoryModel memory = memory_model(shape, request, model);
  const MemoryCapacity capacity = memory_capacity(partition(), calibration_);
  EXPECT_FALSE(find_layout(memory, request, model, capacity).best);
  const LayoutChoice choice = find(shape, 16, request);
  ASSERT_TRUE(choice.best);
  ASSERT_TRUE(choice.best->what_if);
  EXPECT_LE(static_cast<double>(choice.best->memory.total()), capacity.usable_bytes());
}

TEST_F(WhatIfSearch, keeps_the_trainers_layout_where_groups_help_nothing) {
  const LayoutChoice choice = find(test::llama_7b(), 1, {2048, 1e6});
  ASSERT_TRUE(choice.best);
  EXPECT_FALSE(choice.best->what_if);
}

TEST_F(WhatIfSearch, shares_out_the_experts_of_a_model_that_has_some) {
  ModelShape shape = test::llama_7b();
  shape.moe = MoeShape{.n_routed_expert = 8, .n_active_expert = 2, .d_ff_expert = 14336};
  std::set<int64_t> groups;
  for_each_usual_layout(shape, {2048, 1e6}, machine(8), [&](const SearchedLayout& layout) {
    groups.insert(layout.parallel.expert);
    EXPECT_EQ(8 % layout.parallel.expert, 0);
  });
  EXPECT_EQ(groups, (std::set<int64_t>{1, 2, 4, 8}));
}

TEST_F(WhatIfSearch, muon_has_no_price_elsewhere) {
  EXPECT_FALSE(prices_what_if({2048, 1e6, OptimizerKind::muon}, machine(1)));
  EXPECT_TRUE(prices_what_if({2048, 1e6}, machine(1)));
}

TEST_F(WhatIfSearch, larger_batches_have_to_be_worth_it) {
  const LayoutRequest plain{2048, 1e6};
  LayoutRequest weighed = plain;
  weighed.reading = ExpectedReading{.n_tokens = 1e9, .usual_batch = 1e5};
  LayoutCandidate small{
      .layout = {.n_replica = 8, .grad_accum_steps = 50}, .step_time = {}, .memory = {}};
  LayoutCandidate large{
      .layout = {.n_replica = 8, .grad_accum_steps = 75}, .step_time = {}, .memory = {}};
  small.step_time.matmul_s = 1;
  large.step_time.matmul_s = 1.47;  // 2 % faster a token
  EXPECT_TRUE(is_better(large, small, plain));
  // Their batches are 2.7 and 4.1 critical ones of 301 k tokens: a fifth of that more tokens each.
  EXPECT_TRUE(is_better(small, large, weighed));
}

TEST(PlanWhatIf, models_with_experts_are_planned_with_expert_groups) {
  PlanRequest request = test::request_for(test::h100_cluster(), 24);
  ModelShape shape = test::llama_7b();
  shape.moe = MoeShape{.n_routed_expert = 8, .n_active_expert = 2, .d_ff_expert = 14336};
  request.goals.model = shape;
  request.what_if = true;
  request.text.vocab_size = shape.vocab_size;
  const Plan plan = make_plan(request);
  EXPECT_GT(plan.choice.layout.what_if.value().parallel.expert, 1);
  EXPECT_EQ(plan.not_runnable.front(), untrainable_part(shape));
  EXPECT_GT(plan.layouts.tried, plan.layouts.fitting);
  EXPECT_TRUE(std::any_of(plan.notes.begin(), plan.notes.end(), [](const std::string& note) {
    return note.find("as a dense model's") != std::string::npos;
  }));
}

TEST(PlanWhatIf, groups_the_trainer_lacks_are_named_and_not_written_as_jobs) {
  PlanRequest request = test::request_for(test::h100_cluster(), 72);
  request.goals.model = test::llama3_70b();
  request.seq_len = 8192;
  request.n_devices = 128;
  request.goals.hours = 8;
  request.what_if = true;
  request.text.vocab_size = request.goals.model->vocab_size;
  const Plan plan = make_plan(request);
  ASSERT_TRUE(plan.choice.layout.what_if);
  EXPECT_TRUE(std::any_of(plan.not_runnable.begin(), plan.not_runnable.end(),
                          [](const std::string& lack) { return lack.ends_with("parallelism"); }));
}

}  // namespace
}  // namespace isoflop
