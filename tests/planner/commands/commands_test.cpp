// SPDX-License-Identifier: MIT
#include "planner/commands/commands.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace isoflop {
namespace {

using testing::HasSubstr;

int run_planner(const std::vector<const char*>& arguments) {
  std::vector<const char*> argv = {"planner"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return run_command(static_cast<int>(argv.size()), argv.data());
}

TEST(Commands, help_lists_every_command) {
  for (const Command& command : commands())
    EXPECT_THAT(command_help(), HasSubstr("\n  " + std::string(command.name) + " "));
}

TEST(Commands, each_has_its_own_help) {
  for (const Command& command : commands()) {
    testing::internal::CaptureStdout();
    EXPECT_EQ(run_planner({command.name.data(), "--help"}), 0) << command.name;
    EXPECT_THAT(testing::internal::GetCapturedStdout(),
                HasSubstr("planner " + std::string(command.name)));
  }
}

TEST(Commands, a_misspelt_word_that_is_no_file_gets_the_nearest_name) {
  EXPECT_EQ(test::message_of<ConfigError>([] { run_planner({"gpu"}); }),
            "'gpu' is neither a command nor a cluster file (did you mean 'gpus'?); "
            "planner --help lists the commands");
}

TEST(Commands, a_path_is_a_cluster_file_even_when_missing) {
  EXPECT_THAT(test::message_of<FileError>([] {
                run_planner({"missing.yaml", "--hours", "1"});
              }),
              HasSubstr("missing.yaml"));
  EXPECT_THAT(test::message_of<FileError>([] {
                run_planner({"plan", "missing.yaml", "--hours", "1"});
              }),
              HasSubstr("missing.yaml"));
}

TEST(Commands, without_a_word_the_cluster_file_is_missing) {
  EXPECT_THAT(test::message_of<ConfigError>([] { run_planner({}); }),
              HasSubstr("CLUSTER is required"));
}

}  // namespace
}  // namespace isoflop
