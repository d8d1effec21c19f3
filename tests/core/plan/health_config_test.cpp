// SPDX-License-Identifier: MIT
#include "core/plan/health_config.hpp"

#include "core/base/error.hpp"
#include "core/plan/train_config.hpp"
#include "support/error_matchers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using testing::HasSubstr;

const std::string kQuickTest = std::string(ISOFLOP_SOURCE_DIR) + "/configs/train/quick-test.yaml";

TrainConfig parse(const std::string& health) {
  ConfigNode root = ConfigNode::load(kQuickTest);
  if (!health.empty()) root = root.with_override("health", health);
  return read_train_config(root);
}

std::string error_of(const std::string& health) {
  return test::message_of<ConfigError>([&] { parse(health); });
}

TEST(HealthConfig, by_default_ten_median_steps_but_ten_minutes_are_a_stall) {
  const HealthConfig health = parse("").health;
  EXPECT_EQ(health.stall_factor, 10);
  EXPECT_EQ(health.stall_min_s, 600);
  EXPECT_EQ(health.pause_limit_s, 1800);
  EXPECT_EQ(health.spike_sigma, 6);
}

TEST(HealthConfig, is_read_back_equal) {
  const TrainConfig config =
      parse("{stall_factor: 0, stall_min_s: 2.5, pause_limit_s: 20, spike_sigma: 7}");
  EXPECT_EQ(config.health, (HealthConfig{0, 2.5, 20, 7}));
  const std::string written = write_train_config(config, "");
  EXPECT_EQ(read_train_config(ConfigNode::parse(written, "written.yaml")), config);
}

TEST(HealthConfig, limits_that_end_healthy_runs_are_refused) {
  EXPECT_THAT(error_of("{stall_factor: 1}"), HasSubstr("(must be 0 or at least 2)"));
  EXPECT_THAT(error_of("{stall_min_s: 0}"), HasSubstr("health.stall_min_s is '0'"));
  EXPECT_THAT(error_of("{pause_limit_s: -1}"), HasSubstr("health.pause_limit_s is '-1'"));
  EXPECT_THAT(error_of("{spike_sigma: -1}"), HasSubstr("health.spike_sigma is '-1'"));
  EXPECT_THAT(error_of("{stall: 1}"), HasSubstr("unknown key 'stall'"));
}

}  // namespace
}  // namespace isoflop
