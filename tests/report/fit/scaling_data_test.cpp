// SPDX-License-Identifier: MIT
#include "report/fit/scaling_data.hpp"

#include "core/base/error.hpp"
#include "core/run/segment_samples.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace isoflop::fit {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ScalingData read(const std::string& text) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("isoflop_table_" + std::to_string(getpid()) + ".csv");
  std::ofstream(path) << text;
  return read_scaling_table(path);
}

std::string complaint(const std::string& text) {
  try {
    read(text);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(ScalingTable, each_of_n_d_and_c_follows_from_the_other_two) {
  for (const char* const text :
       {"N,D,loss\n2e6,5e7,3.5\n", "N,C,loss\n2e6,6e14,3.5\n", "D,C,loss\n5e7,6e14,3.5\n"}) {
    const ScalingPoint point = read(text).points.at(0);
    EXPECT_DOUBLE_EQ(point.n_params, 2e6);
    EXPECT_DOUBLE_EQ(point.n_tokens, 5e7);
    EXPECT_DOUBLE_EQ(point.compute_flops, 6e14);
    EXPECT_EQ(point.loss, 3.5);
  }
}

TEST(ScalingTable, rows_are_runs_of_their_own_unless_a_column_names_them) {
  EXPECT_NE(read("N,D,loss\n1,2,3\n1,2,3\n").points[0].run,
            read("N,D,loss\n1,2,3\n1,2,3\n").points[1].run);
  EXPECT_EQ(read("run,N,D,loss\na,1,2,3\n").points[0].run, "a");
}

TEST(ScalingTable, rows_without_a_loss_are_named) {
  const ScalingData data = read("N,D,loss\n1,2,\n1,2,3\n");
  EXPECT_EQ(data.points.size(), 1U);
  EXPECT_THAT(data.left_out, ElementsAre(HasSubstr(":2: has no loss")));
}

TEST(ScalingTable, wrong_tables_are_named_with_line_and_reason) {
  EXPECT_THAT(complaint("N,loss\n1,2\n"), HasSubstr("columns are 'N, loss' (loss and two of N, D"));
  EXPECT_THAT(complaint("N,D,loss\n1,2,-3\n"),
              HasSubstr(":2: loss is '-3' (must be a number above"));
  EXPECT_THAT(complaint("N,D,loss\n1,2x,3\n"), HasSubstr(":2: D is '2x'"));
  EXPECT_THAT(complaint("N,D,C,loss\n1,,,3\n"), HasSubstr(":2: two of N, D and C are needed"));
  EXPECT_THAT(complaint("N,D,C,loss\n124,2.5,1.9e18,3\n"), HasSubstr("check the units"));
}

TrainingRun run_of(const std::string& name, RunState state,
                   const std::string& tokenizer = "bytes") {
  RunFile segment = sample_segment(name, 0, 0, 100);
  segment.state = state;
  segment.header.config.tokenizer = tokenizer;
  segment.header.config.vocab_size = 272;
  return join_segments({segment});
}

TEST(ScalingRuns, partial_runs_are_left_out_and_named_unless_asked_for) {
  const std::vector<TrainingRun> runs = {run_of("a", RunState::done),
                                         run_of("b", RunState::running)};
  const ScalingData data = scaling_data_of(runs, false);
  EXPECT_EQ(data.points.size(), 1U);
  EXPECT_THAT(data.left_out, ElementsAre("b: PARTIAL (running)"));
  EXPECT_EQ(scaling_data_of(runs, true).points.size(), 2U);
  EXPECT_THAT(scaling_data_of(runs, true).left_out, IsEmpty());
}

// sample_segment: 100 tokens a step, loss 10 - step / 100, whose last ten steps have 9.045.
TEST(ScalingRuns, training_losses_are_taken_when_a_run_was_not_evaluated_and_that_is_said) {
  std::vector<TrainingRun> runs = {run_of("a", RunState::done), run_of("b", RunState::done)};
  runs[0].segments[0].evals.push_back(sample_eval(100, 8.5));
  const ScalingData train = scaling_data_of(runs, false);
  EXPECT_NEAR(train.points[0].loss, 9.045, 1e-6);
  EXPECT_EQ(train.points[0].n_tokens, 10000);
  EXPECT_THAT(train.notes, ElementsAre(HasSubstr("training loss, mean of the last 2 %"),
                                       HasSubstr("training curves: training losses")));
  runs[1].segments[0].evals.push_back(sample_eval(100, 8.0));
  const ScalingData evaluated = scaling_data_of(runs, false);
  EXPECT_EQ(evaluated.points[0].loss, 8.5);
  EXPECT_THAT(evaluated.notes, Contains("2 runs: last validation loss"));
  EXPECT_EQ(evaluated.tokenizer->name, "bytes");
  EXPECT_EQ(evaluated.tokenizer->vocab_size, 272);
}

TEST(ScalingRuns, different_data_are_said) {
  std::vector<TrainingRun> runs = {run_of("a", RunState::done), run_of("b", RunState::done)};
  runs[0].segments[0].header.config.data = "data/x";
  runs[1].segments[0].header.config.data = "data/y";
  EXPECT_THAT(scaling_data_of(runs, false).notes,
              Contains(HasSubstr("data differ (data/x, data/y)")));
  runs[1].segments[0].header.config.data = "data/x";
  EXPECT_THAT(scaling_data_of(runs, false).notes,
              ::testing::Not(Contains(HasSubstr("data differ"))));
}

TEST(ScalingRuns, losses_of_different_tokenizers_are_refused) {
  const std::vector<TrainingRun> runs = {run_of("a", RunState::done),
                                         run_of("b", RunState::done, "gpt2")};
  EXPECT_THROW(scaling_data_of(runs, false), ConfigError);
}

}  // namespace
}  // namespace isoflop::fit
