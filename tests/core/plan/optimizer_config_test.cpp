// SPDX-License-Identifier: MIT
#include "core/plan/optimizer_config.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using testing::HasSubstr;

OptimizerConfig parse(const std::string& text) {
  return read_optimizer(ConfigNode::parse(text, "train.yaml"));
}

std::string error_of(const std::string& text) {
  return test::message_of<ConfigError>([&] { parse(text); });
}

OptimizerConfig written_and_read(const OptimizerConfig& optimizer) {
  YamlWriter writer;
  write_optimizer(writer, optimizer);
  const ConfigNode root = ConfigNode::parse(writer.text(), "written.yaml");
  return read_optimizer(MapReader(root).required_node("optimizer"));
}

TEST(OptimizerConfig, is_adamw_unless_told) {
  EXPECT_EQ(parse("{lr: 1e-3}").kind, OptimizerKind::adamw);
}

TEST(OptimizerConfig, muon_starts_from_jordans_momentum_and_iterations) {
  const OptimizerConfig muon = parse("{kind: muon, lr: 1e-3}");
  EXPECT_EQ(muon.kind, OptimizerKind::muon);
  EXPECT_EQ(muon.momentum, 0.95);
  EXPECT_TRUE(muon.nesterov);
  EXPECT_EQ(muon.iterations, 5);
}

TEST(OptimizerConfig, every_key_is_read_back_equal) {
  const OptimizerConfig adamw{.lr = 3.1e-4,
                              .beta1 = 0.85,
                              .beta2 = 0.99,
                              .eps = 1e-7,
                              .weight_decay = 0.2,
                              .grad_clip = 0.5};
  EXPECT_EQ(written_and_read(adamw), adamw);
  OptimizerConfig muon = adamw;
  muon.kind = OptimizerKind::muon;
  muon.momentum = 0.9;
  muon.nesterov = false;
  muon.iterations = 6;
  EXPECT_EQ(written_and_read(muon), muon);
}

TEST(OptimizerConfig, keys_of_muon_are_refused_under_adamw) {
  for (const char* const key : {"momentum: 0.9", "nesterov: true", "iterations: 5"})
    EXPECT_THAT(error_of(std::string("{lr: 1e-3, ") + key + "}"),
                HasSubstr("(means nothing with kind adamw); remove it or set kind to muon"))
        << key;
  EXPECT_THAT(error_of("lr: 1e-3\nmomentum: 0.9"), HasSubstr("train.yaml:2: momentum is '0.9'"));
}

TEST(OptimizerConfig, values_out_of_range_are_refused) {
  EXPECT_THAT(error_of("{kind: muon, lr: 1, momentum: 1}"),
              HasSubstr("momentum is '1' (must be at least 0 and below 1)"));
  EXPECT_THAT(error_of("{kind: muon, lr: 1, iterations: 0}"), HasSubstr("iterations is '0'"));
  EXPECT_THAT(error_of("{kind: muon, lr: 1, iterations: 101}"),
              HasSubstr("iterations is '101' (must be at most 100)"));
  EXPECT_THAT(error_of("{kind: lion, lr: 1}"), HasSubstr("kind is 'lion'"));
}

}  // namespace
}  // namespace isoflop
