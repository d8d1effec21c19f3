// SPDX-License-Identifier: MIT
#include "core/run/segment_samples.hpp"
#include "report/tables.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

Table table_of(const TrainingRun& run) {
  const RunSummary summary = summarize(run);
  return prediction_table(std::span(&run, 1), std::span(&summary, 1));
}

TrainingRun predicted_run() {
  TrainingRun run = sample_run("a", 100);
  run.segments[0].header.prediction.step_s = 0.4;
  run.segments[0].header.prediction.loss = 3.0;
  run.segments[0].evals = {sample_eval(100, 3.3)};
  return run;
}

TEST(PredictionTable, difference_is_measured_over_predicted) {
  const Table table = table_of(predicted_run());
  ASSERT_EQ(table.rows.size(), 2U);
  EXPECT_EQ(std::get<std::string>(table.rows[0][1]), "step time");
  EXPECT_NEAR(std::get<double>(table.rows[0][5]), 25.0, 1e-9);
  EXPECT_EQ(std::get<std::string>(table.rows[1][1]), "validation loss");
  EXPECT_NEAR(std::get<double>(table.rows[1][5]), 10.0, 1e-9);
}

TEST(PredictionTable, loss_of_an_unfinished_run_is_not_held_against_the_plan) {
  TrainingRun run = predicted_run();
  run.segments[0].state = RunState::checkpointed;
  EXPECT_EQ(table_of(run).rows.size(), 1U);
}

TEST(PredictionTable, run_without_a_plan_has_no_row) {
  EXPECT_TRUE(table_of(sample_run("a", 100)).rows.empty());
}

}  // namespace
}  // namespace isoflop
