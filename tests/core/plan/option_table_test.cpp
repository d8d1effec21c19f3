// SPDX-License-Identifier: MIT
// The table of options against the reader, the writer and the README.
#include "core/plan/option_table.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "core/plan/train_config.hpp"
#include "support/error_matchers.hpp"

#include <fmt/format.h>

#include <set>

namespace isoflop {
namespace {

std::set<std::string> table_keys() {
  std::set<std::string> keys;
  for (const Option& option : option_table()) keys.insert(option.key);
  return keys;
}

/// Dotted keys of every value in a document.
void collect(const ConfigNode& node, std::set<std::string>& keys) {
  for (const auto& [name, value] : node.entries()) {
    if (value.is_map() && value.key_path() != "schedule.batch_ramp") {
      collect(value, keys);
    } else {
      keys.insert(value.key_path());
    }
  }
}

const std::string kQuickTest = std::string(ISOFLOP_SOURCE_DIR) + "/configs/train/quick-test.yaml";

TEST(OptionTable, has_every_key_that_a_configuration_is_written_with) {
  TrainConfig config = read_train_config(ConfigNode::load(kQuickTest));
  config.layout.n_ranks = 2;
  config.layout.n_shard = 1;
  config.layout.strategy = ParallelStrategy::hsdp;
  config.device.peak_tflops = 1;
  config.precision = Precision::fp16;
  config.optimizer.kind = OptimizerKind::muon;
  config.schedule.kind = ScheduleKind::wsd;
  config.schedule.batch_ramp = BatchRamp{.start = 8, .increment = 8, .steps = 2};
  std::set<std::string> written;
  collect(ConfigNode::parse(write_train_config(config, ""), "written"), written);
  for (const char* const part : {"qkv_bias", "attention_out_bias", "ffn_bias"})
    written.erase(fmt::format("model.{}", part));  // model.bias tells of them
  const std::set<std::string> known = table_keys();
  for (const std::string& key : written) EXPECT_TRUE(known.contains(key)) << key;
}

TEST(OptionTable, has_no_key_that_the_reader_does_not_know) {
  const ConfigNode root =
      ConfigNode::load(kQuickTest).with_override("model", "{file: ../models/quick.yaml}");
  for (const Option& option : option_table()) {
    const ConfigNode wrong = root.with_override(option.key, "[nonsense]");
    const std::string message = test::message_of<ConfigError>([&] { read_train_config(wrong); });
    EXPECT_THAT(message, testing::HasSubstr(option.key));
    EXPECT_THAT(message, testing::Not(testing::HasSubstr("unknown key")));
  }
}

TEST(OptionTable, is_the_one_in_the_readme) {
  const std::string readme = read_text_file(std::string(ISOFLOP_SOURCE_DIR) + "/README.md");
  EXPECT_NE(readme.find(option_table_markdown()), std::string::npos)
      << "replace README's table by the output of: build/bin/trainer options";
}

}  // namespace
}  // namespace isoflop
