// SPDX-License-Identifier: MIT
#include "core/base/config_node.hpp"
#include "support/run_program.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace isoflop {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

test::ProgramResult validate(const std::string& arguments) {
  return test::run_command(test::program_path("planner") + " validate " + arguments);
}

TEST(ValidateCommand, reproduces_every_known_answer) {
  const test::ProgramResult result = validate("");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.output, AllOf(ContainsRegex("GPT-2 124M +124,439,808 +124,439,808 +0 +PASS"),
                                   ContainsRegex("GPT-3 175B .* 3\\.3, over-parameterised .* PASS"),
                                   HasSubstr("refuted"), Not(HasSubstr("FAIL"))));
}

TEST(ValidateCommand, one_failure_makes_the_exit_code_1) {
  const test::TempDir folder;
  std::ofstream(folder / "mine.yaml")
      << "answers:\n"
         "  - {what: mine, quantity: epochs_worth, epochs: 4, expected: 4, source: a guess}\n";
  const test::ProgramResult result = validate((folder / "mine.yaml").string());
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.output, ContainsRegex("mine +4 +3\\.72[0-9]+ +-6\\.[0-9]+ % +FAIL"));
  EXPECT_THAT(result.output, HasSubstr("1 checked, 1 fail"));
}

TEST(ValidateCommand, json_counts_failures) {
  const ConfigNode root =
      ConfigNode::parse(validate("--json").output, "output", ConfigSyntax::json_with_comments);
  EXPECT_EQ(MapReader(root).required<int>("failures"), 0);
}

TEST(ValidateCommand, a_missing_file_is_exit_code_3) {
  EXPECT_EQ(validate("missing.yaml").exit_code, 3);
  EXPECT_EQ(validate("--jsn").exit_code, 2);
}

}  // namespace
}  // namespace isoflop
