// SPDX-License-Identifier: MIT
#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "planner/options.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace isoflop {
namespace {

using testing::HasSubstr;

class RequestFile : public testing::Test {
 protected:
  Options parse(const std::string& text, std::vector<std::string> more = {},
                const std::string& name = "request.yaml") {
    write_text_file(dir_.path() / name, text);
    more.insert(more.begin(), {"plan", "--request", (dir_.path() / name).string()});
    std::vector<const char*> argv;
    for (const std::string& word : more) argv.push_back(word.c_str());
    return parse_options(static_cast<int>(argv.size()), argv.data()).value();
  }

  test::TempDir dir_;
};

TEST_F(RequestFile, gives_every_kind_of_option) {
  const Options options = parse(
      "cluster: somewhere.yaml\nhours: 12\nprecision: bf16\nobjective: cost\nwhat-if: true\n"
      "gpus: 8\noptimizer: muon\nattention: sdpa\nmax-epochs: 4\n");
  EXPECT_EQ(options.cluster_file, "somewhere.yaml");
  EXPECT_EQ(options.goals.hours, 12);
  EXPECT_EQ(options.precision, Precision::bf16);
  EXPECT_EQ(options.goals.objective, Objective::cost);
  EXPECT_TRUE(options.what_if);
  EXPECT_EQ(options.n_devices, 8);
  EXPECT_EQ(options.optimizer, OptimizerKind::muon);
  EXPECT_EQ(options.attention, AttentionBackend::sdpa);
}

TEST_F(RequestFile, the_command_line_wins) {
  const Options options = parse("cluster: a.yaml\nhours: 12\nlaw: hoffmann\n", {"--hours", "3"});
  EXPECT_EQ(options.goals.hours, 3);
  EXPECT_EQ(options.law, "hoffmann");
}

TEST_F(RequestFile, may_be_json_with_comments) {
  const Options options =
      parse("{\n  // three days\n  \"cluster\": \"a.yaml\", \"hours\": 72\n}\n", {}, "r.jsonc");
  EXPECT_EQ(options.goals.hours, 72);
}

TEST_F(RequestFile, a_file_beside_it_is_found) {
  write_text_file(dir_.path() / "mine.yaml", "name: x\n");
  EXPECT_EQ(parse("cluster: mine.yaml\nhours: 1\n").cluster_file, dir_.path() / "mine.yaml");
}

TEST_F(RequestFile, a_misspelt_option_gets_the_nearest_one) {
  EXPECT_THAT(
      test::message_of<ConfigError>([&] { parse("cluster: a.yaml\nhours: 1\nobjectve: loss\n"); }),
      testing::AllOf(HasSubstr("request.yaml:3"), HasSubstr("did you mean 'objective'?")));
}

TEST_F(RequestFile, wrong_values_name_the_line) {
  EXPECT_THAT(test::message_of<ConfigError>([&] { parse("cluster: a.yaml\nhours: soon\n"); }),
              HasSubstr("request.yaml:2: hours is 'soon'"));
  EXPECT_THAT(test::message_of<ConfigError>([&] { parse("cluster: a.yaml\nwhat-if: maybe\n"); }),
              HasSubstr("request.yaml:2"));
}

}  // namespace
}  // namespace isoflop
