// SPDX-License-Identifier: MIT
#include "planner/plan_summary.hpp"

#include "core/base/format.hpp"
#include "planner/plan_folder.hpp"
#include "planner/planner_fixtures.hpp"

#include <gmock/gmock.h>

namespace isoflop {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(PlanSummary, lists_how_each_gpu_was_understood) {
  const std::string text = describe_partitions(test::h100_cluster(), std::nullopt);
  EXPECT_THAT(text, HasSubstr("16 nodes x 8 GPUs: 'NVIDIA H100 80GB HBM3' is H100-SXM5-80GB"));
  EXPECT_THAT(text, HasSubstr("79.6 GiB memory, 3350 GB/s, 989.4 TFLOP/s bf16 dense"));
  EXPECT_THAT(text, HasSubstr("found by: "));
}

TEST(PlanSummary, says_what_the_plan_holds) {
  PlanRequest request = test::request_for(test::h100_cluster(), 72);
  request.cluster.partitions.front().job.chain = ChainMode::none;
  const Plan plan = make_plan(request);
  const std::string text = describe_plan(plan, request);
  EXPECT_THAT(text, HasSubstr("16 nodes x 8 = 128 GPUs for 24 h"));
  EXPECT_THAT(text, HasSubstr("3072 GPU hours"));
  EXPECT_THAT(text, HasSubstr("MFU " + format_percent(plan.mfu_causal) + " (causal FLOPs), " +
                              format_percent(plan.mfu_full_square) + " (full square"));
  EXPECT_THAT(text, HasSubstr(format_grouped(plan.choice.steps) + " steps"));
  EXPECT_THAT(text, HasSubstr("N = " + format_count(plan.choice.n_params)));
  EXPECT_THAT(text, HasSubstr("nats a token (95 %"));
  EXPECT_THAT(text, HasSubstr("72 h 0 min asked for, 24 h 0 min used"));
  EXPECT_THAT(text, HasSubstr("optimizer state"));
}

TEST(PlanSummary, rounds_no_chance_to_a_certainty) {
  PlanRequest request = test::request_for(test::h100_cluster(), 72);
  request.cluster.partitions.front().job.chain = ChainMode::none;
  Plan plan = make_plan(request);
  const auto risk = [&](double survival) {
    plan.choice.budget.split.survival = survival;
    return describe_plan(plan, request);
  };
  EXPECT_THAT(risk(0.9999), HasSubstr("more than 99 % chance that none ends the run"));
  EXPECT_THAT(risk(0.94), HasSubstr(": 94 % chance"));
  EXPECT_THAT(risk(0.0001), HasSubstr("less than 1 % chance"));
}

TEST(PlanSummary, says_why_there_is_no_loss) {
  PlanRequest request = test::request_for(test::cpu_cluster(), 0.2);
  request.text = test::byte_text();
  const std::string text = describe_plan(make_plan(request), request);
  EXPECT_THAT(text, HasSubstr("no loss prediction: "));
  EXPECT_THAT(text, HasSubstr("N chosen by rule: about 20 tokens a parameter"));
}

TEST(PlanSummary, the_header_can_be_recognised_later) {
  const PlanRequest request = test::request_for(test::h100_cluster(), 1);
  EXPECT_THAT(plan_header(make_plan(request), request, "0.1.0"), StartsWith(kPlanSignature));
}

}  // namespace
}  // namespace isoflop
