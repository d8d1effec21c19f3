// SPDX-License-Identifier: MIT
#include "core/plan/loss_scale_config.hpp"

#include "core/base/error.hpp"
#include "core/plan/train_config.hpp"
#include "support/error_matchers.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using testing::HasSubstr;

const std::string kQuickTest = std::string(ISOFLOP_SOURCE_DIR) + "/configs/train/quick-test.yaml";

TrainConfig parse(const std::string& precision, const std::string& loss_scale) {
  ConfigNode root = ConfigNode::load(kQuickTest).with_override("precision", precision);
  if (!loss_scale.empty()) root = root.with_override("loss_scale", loss_scale);
  return read_train_config(root);
}

std::string error_of(const std::string& precision, const std::string& loss_scale) {
  return test::message_of<ConfigError>([&] { parse(precision, loss_scale); });
}

TEST(LossScaleConfig, starts_at_65536_and_grows_after_2000_steps) {
  const LossScaleConfig loss_scale = parse("fp16", "").loss_scale;
  EXPECT_EQ(loss_scale.initial, 65536);
  EXPECT_EQ(loss_scale.growth_interval, 2000);
}

TEST(LossScaleConfig, is_read_back_equal) {
  const TrainConfig config = parse("fp16", "{initial: 1024, growth_interval: 50}");
  EXPECT_EQ(config.loss_scale.initial, 1024);
  EXPECT_EQ(config.loss_scale.growth_interval, 50);
  const std::string written = write_train_config(config, "");
  EXPECT_EQ(read_train_config(ConfigNode::parse(written, "written.yaml")), config);
}

TEST(LossScaleConfig, is_refused_in_other_precisions) {
  for (const char* const precision : {"fp32", "bf16"})
    EXPECT_THAT(error_of(precision, "{initial: 1024}"),
                HasSubstr(std::string("(means nothing with precision ") + precision +
                          "); remove it or set precision to fp16"));
}

TEST(LossScaleConfig, initial_must_be_a_power_of_two_that_twenty_halvings_bring_down) {
  for (const char* const initial : {"1000", "0.5", "0", "-2", "33554432"})
    EXPECT_THAT(error_of("fp16", fmt::format("{{initial: {}}}", initial)),
                HasSubstr(fmt::format("loss_scale.initial is '{}' (must be a power of two from 1 "
                                      "to 16777216); 65536 is the default",
                                      initial)));
  EXPECT_EQ(parse("fp16", "{initial: 1}").loss_scale.initial, 1);
  EXPECT_EQ(parse("fp16", "{initial: 16777216}").loss_scale.initial, 16777216);
  EXPECT_THAT(error_of("fp16", "{growth_interval: 0}"),
              HasSubstr("loss_scale.growth_interval is '0'"));
}

}  // namespace
}  // namespace isoflop
