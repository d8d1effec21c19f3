// SPDX-License-Identifier: MIT
#include "planner/pilot/refinement.hpp"

#include "core/base/error.hpp"
#include "planner/pilot/pilot_fixtures.hpp"
#include "planner/pilot/refinement_report.hpp"
#include "support/error_matchers.hpp"

#include <gmock/gmock.h>

namespace isoflop {
namespace {

using testing::HasSubstr;

/// A pilot whose layouts took `factors` of what was predicted.
PilotRecord pilot_of(const Plan& plan, const PlanRequest& request,
                     const std::vector<double>& factors) {
  PilotRecord record;
  const PilotPlan pilot = plan_pilot(plan, request, "pilot");
  for (std::size_t i = 0; i < factors.size(); ++i) {
    const TrainConfig& config = pilot.runs.at(i).config;
    PilotMeasurement measured;
    measured.files = {config.run.name + ".s000.h5"};
    measured.config = config;
    measured.layout = pilot.runs[i].layout.layout;
    measured.timed_steps = 50;
    measured.step_s = factors[i] * pilot.runs[i].layout.step_time.total();
    measured.scatter = 0.005;
    measured.memory_gib = config.prediction->memory_gib;
    record.measurements.push_back(measured);
  }
  return record;
}

class Refinement : public testing::Test {
 protected:
  SiteCalibration site_of(const std::vector<double>& factors) {
    comparisons_ = compare_pilot(pilot_of(before_, request_, factors), before_, request_);
    return calibrate_site(comparisons_, before_, request_);
  }

  PlanRequest request_ = test::request_for(test::h100_cluster(), 72);
  Plan before_ = make_plan(request_);
  std::vector<PilotComparison> comparisons_;
};

TEST_F(Refinement, a_pilot_as_predicted_narrows_intervals_and_the_margin) {
  const PlanRequest refined = refined_request(request_, before_, site_of({1, 1}), Keep::nothing);
  const Plan after = make_plan(refined);
  EXPECT_TRUE(after.intervals.calibrated);
  EXPECT_THAT(after.intervals.basis, HasSubstr("a pilot of 100 steps in 2 layouts"));
  EXPECT_LT(after.intervals.spread, 0.2 * before_.intervals.spread);
  EXPECT_DOUBLE_EQ(after.choice.budget.rules.margin, 0.03);
  EXPECT_GT(after.choice.compute(), before_.choice.compute()) << "the margin trains";
}

TEST_F(Refinement, slower_nodes_train_fewer_tokens_and_predict_the_pilots_step_time) {
  const PlanRequest refined = refined_request(request_, before_, site_of({1.3, 1.3}), Keep::model);
  const Plan after = make_plan(refined);
  EXPECT_EQ(after.choice.shape, before_.choice.shape);
  EXPECT_LT(after.choice.n_tokens(), before_.choice.n_tokens());
  EXPECT_NEAR(
      after.choice.layout.step_time.total() / after.choice.layout.layout.global_batch_size(),
      1.3 * before_.choice.layout.step_time.total() /
          before_.choice.layout.layout.global_batch_size(),
      0.02 * before_.choice.layout.step_time.total() /
          before_.choice.layout.layout.global_batch_size());
}

TEST_F(Refinement, the_layout_measured_fastest_is_chosen) {
  const PlanRequest refined = refined_request(request_, before_, site_of({1.2, 1.0}), Keep::model);
  const Plan after = make_plan(refined);
  EXPECT_EQ(layout_kind(after.choice.layout.layout), layout_kind(comparisons_[1].measured.layout));
}

TEST_F(Refinement, keeping_the_model_gives_up_other_sizes) {
  request_.goals.max_params = 8e9;
  const PlanRequest refined = refined_request(request_, before_, site_of({1}), Keep::model);
  EXPECT_EQ(refined.goals.model.value(), before_.choice.shape);
  EXPECT_FALSE(refined.goals.max_params);
  EXPECT_EQ(refined.partition.value(), "h100");
}

TEST_F(Refinement, nodes_of_another_kind_say_nothing) {
  PilotRecord record = pilot_of(before_, request_, {1});
  record.measurements.front().config.device.name = "A100-SXM4-80GB";
  EXPECT_THAT(test::message_of<ConfigError>([&] { compare_pilot(record, before_, request_); }),
              HasSubstr("measured 'A100-SXM4-80GB' (the plan's partition 'h100' has"));
}

TEST_F(Refinement, is_told_as_before_and_after) {
  const SiteCalibration site = site_of({1.3, 1.3});
  const PlanRequest refined = refined_request(request_, before_, site, Keep::nothing);
  const Plan after = make_plan(refined);
  const RefinementReport report{before_, after, comparisons_, site, {"a note"}};
  const std::string text = describe_refinement(report);
  EXPECT_THAT(text, HasSubstr("before: uncalibrated; after: calibrated by a pilot of 100 steps"));
  EXPECT_THAT(text, HasSubstr("30.0"));
  EXPECT_THAT(text, HasSubstr("  * a note"));
  const std::string json = refinement_json(report);
  for (const char* const key : {"\"measured_step_s\"", "\"before\"", "\"after\"", "\"fitted\"",
                                "\"step_time_spread\"", "\"factors\""})
    EXPECT_THAT(json, HasSubstr(key));
}

}  // namespace
}  // namespace isoflop
