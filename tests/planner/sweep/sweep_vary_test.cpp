// SPDX-License-Identifier: MIT
#include "planner/sweep/sweep_vary.hpp"

#include "core/base/error.hpp"
#include "planner/plan.hpp"
#include "planner/planner_fixtures.hpp"
#include "support/error_matchers.hpp"

namespace isoflop {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string complaint(const std::vector<std::string>& texts) {
  return test::message_of<ConfigError>([&] { read_varied_keys(texts); });
}

TEST(SweepVary, reads_keys_and_values) {
  const auto keys = read_varied_keys({"model.norm_position=pre,post",
                                      "schedule.batch_ramp=[1,2,3],"
                                      "[2,2,3]"});
  ASSERT_EQ(keys.size(), 2U);
  EXPECT_THAT(keys[0].values, ElementsAre("pre", "post"));
  EXPECT_THAT(keys[1].values, ElementsAre("[1,2,3]", "[2,2,3]"));
}

TEST(SweepVary, refuses_what_is_no_comparison) {
  EXPECT_THAT(complaint({"model.position_encodin=rope,none"}),
              AllOf(HasSubstr("is no key of a training"),
                    HasSubstr("did you mean 'model.position_encoding'?")));
  EXPECT_THAT(complaint({"data.path=a,b"}), HasSubstr("is decided by the sweep"));
  EXPECT_THAT(complaint({"schedule.steps=1,2"}), HasSubstr("is decided by the sweep"));
  EXPECT_THAT(complaint({"model.bias=true"}), HasSubstr("two different values"));
  EXPECT_THAT(complaint({"model.bias=true,true"}), HasSubstr("two different values"));
  EXPECT_THAT(complaint({"model.bias"}), HasSubstr("must be KEY=VALUE,VALUE"));
  EXPECT_THAT(complaint({"model.bias=true,false", "model.bias=false,true"}),
              HasSubstr("is given twice"));
}

TEST(SweepVary, changes_a_configuration_and_nothing_else_in_it) {
  const TrainConfig before = make_plan(test::request_for(test::h100_cluster(), 24)).config;
  EXPECT_EQ(with_settings(before, {}), before);
  TrainConfig expected = before;
  expected.model.position = PositionEncoding::none;
  expected.optimizer.beta2 = 0.99;
  EXPECT_EQ(
      with_settings(before, {{"model.position_encoding", "none"}, {"optimizer.beta2", "0.99"}}),
      expected);
}

TEST(SweepVary, takes_along_what_follows_from_a_key) {
  const TrainConfig before = make_plan(test::request_for(test::h100_cluster(), 24)).config;
  EXPECT_TRUE(with_settings(before, {{"model.bias", "true"}}).model.ffn_bias);
  const TrainConfig standard =
      with_settings(before, {{"model.ffn_type", "standard"}, {"model.activation", "gelu_tanh"}});
  EXPECT_EQ(standard.model.d_ff, 4 * before.model.d_model);
  EXPECT_EQ(standard.model.activation, Activation::gelu_tanh);
  EXPECT_EQ(with_settings(before, {{"schedule.kind", "constant"}}).schedule.kind,
            ScheduleKind::constant);
}

TEST(SweepVary, names_a_value_that_cannot_be) {
  const TrainConfig config = make_plan(test::request_for(test::h100_cluster(), 24)).config;
  EXPECT_THAT(test::message_of<ConfigError>([&] {
                with_settings(config, {{"model.position_encoding", "rotary"}});
              }),
              AllOf(HasSubstr("--vary gives a run that cannot be"),
                    HasSubstr("model.position_encoding"), HasSubstr("rotary")));
}

}  // namespace
}  // namespace isoflop
