// SPDX-License-Identifier: MIT
#include "report/loss_curve.hpp"

#include "core/run/segment_samples.hpp"
#include "report/tables.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

using Losses = std::vector<std::optional<double>>;

LossCurve curve_up_to(double tokens) { return {{100, tokens}, {5, 4}}; }

TEST(LossCurve, grid_has_round_counts_and_what_two_runs_reached) {
  const std::vector<LossCurve> curves{curve_up_to(9'000), curve_up_to(3'000), curve_up_to(700)};
  EXPECT_EQ(budget_grid(curves), (std::vector<double>{100, 200, 500, 1'000, 2'000, 3'000}));
}

TEST(LossCurve, grid_keeps_the_six_largest_round_counts) {
  const std::vector<LossCurve> curves{curve_up_to(200'000)};
  EXPECT_EQ(budget_grid(curves),
            (std::vector<double>{5'000, 10'000, 20'000, 50'000, 100'000, 200'000}));
}

TEST(LossCurve, no_losses_give_no_grid) {
  EXPECT_TRUE(budget_grid(std::vector<LossCurve>(2)).empty());
}

TEST(LossCurve, validation_losses_are_interpolated_and_never_extrapolated) {
  const LossCurve curve{{100, 200, 400}, {5, 4, 3}};
  const std::vector<double> tokens{50, 100, 150, 300, 400, 401};
  EXPECT_EQ(losses_at(curve, LossKind::validation, tokens),
            (Losses{std::nullopt, 5.0, 4.5, 3.5, 3.0, std::nullopt}));
}

TEST(LossCurve, training_loss_is_the_mean_of_at_least_ten_steps_before) {
  LossCurve curve;
  for (int step = 1; step <= 20; ++step) {
    curve.spent.push_back(step * 100.0);
    curve.loss.push_back(step);
  }
  const std::vector<double> tokens{50, 100, 1'250, 2'000, 2'001};
  EXPECT_EQ(losses_at(curve, LossKind::smoothed_train, tokens),
            (Losses{std::nullopt, 1.0, 7.5, 15.5, std::nullopt}));  // steps 3-12 and 11-20
}

// 2 % before 100,000 tokens: steps of 100 tokens above 98,000, which are 981 to 1000.
TEST(LossCurve, training_loss_is_the_mean_over_two_percent_of_the_tokens) {
  LossCurve curve;
  for (int step = 1; step <= 1000; ++step) {
    curve.spent.push_back(step * 100.0);
    curve.loss.push_back(step);
  }
  EXPECT_EQ(losses_at(curve, LossKind::smoothed_train, std::vector<double>{100'000}),
            (Losses{990.5}));
}

TEST(LossCurve, validation_is_compared_only_when_every_run_has_it_twice) {
  std::vector<TrainingRun> runs{sample_run("a", 100), sample_run("b", 100)};
  runs[0].segments[0].evals = {sample_eval(50, 4), sample_eval(100, 3)};
  EXPECT_EQ(comparable_kind(runs), LossKind::smoothed_train);
  runs[1].segments[0].evals = {sample_eval(50, 5), sample_eval(100, 4)};
  EXPECT_EQ(comparable_kind(runs), LossKind::validation);
}

// 100 tokens a step of 50 FLOPs a token. The second start goes on from step 80; the first lasted
// 99.5 s, with its 20 lost steps; the second's first step began at 1080.5.
TEST(LossCurve, flops_and_wall_time_are_budgets_too) {
  RunFile first = sample_segment("a", 0, 0, 100);
  RunFile second = sample_segment("a", 1, 80, 130);
  second.header.flops.model_flops_per_token = 50;
  const TrainingRun run = join_segments({first, second});
  EXPECT_EQ(recorded_losses(run, LossKind::smoothed_train, LossBudget::flops).spent.back(),
            130 * 100 * 50.0);
  const LossCurve wall = recorded_losses(run, LossKind::smoothed_train, LossBudget::wall);
  EXPECT_DOUBLE_EQ(wall.spent[79], 79.5);
  EXPECT_DOUBLE_EQ(wall.spent[80], 100.0);
  EXPECT_DOUBLE_EQ(wall.spent.back(), 99.5 + 49.5);
}

TEST(LossCurve, a_run_without_flops_has_no_losses_at_equal_flops) {
  EXPECT_TRUE(recorded_losses(sample_run("a", 20), LossKind::smoothed_train, LossBudget::flops)
                  .loss.empty());
}

// 5,000 steps: means of three. Losses fall by 0.01 a step: the mean of the last 2 % lies half of
// them before the end.
TEST(LossCurve, long_curves_are_thinned_to_means) {
  const LossCurve curve = recorded_losses(sample_run("a", 5000), LossKind::smoothed_train);
  EXPECT_EQ(curve.steps_per_point, 3U);
  ASSERT_EQ(curve.loss.size(), 1667U);
  EXPECT_DOUBLE_EQ(curve.spent[0], 300);
  EXPECT_NEAR(curve.loss[0], 10 - 0.02, 1e-6);
  EXPECT_NEAR(curve.loss.back(), 10 - 49.995, 1e-5);  // of two steps
  const double budget = 400'000;
  const auto loss = losses_at(curve, LossKind::smoothed_train, std::span(&budget, 1)).front();
  EXPECT_NEAR(loss.value(), 10 - (40 - 0.4), 0.02);
}

TEST(LossCurve, best_run_of_each_budget_is_that_of_the_least_loss) {
  std::vector<TrainingRun> runs{sample_run("a", 100), sample_run("b", 100)};
  runs[0].segments[0].evals = {sample_eval(10, 5), sample_eval(100, 3)};
  runs[1].segments[0].evals = {sample_eval(10, 4), sample_eval(100, 3.5)};
  runs[1].segments[0].state = RunState::failed;
  const Table table = best_runs_table(runs);
  ASSERT_FALSE(table.rows.empty());
  EXPECT_EQ(table.rows.front()[0], Cell(1000.0));
  EXPECT_EQ(table.rows.front()[3], Cell(std::string("b (PARTIAL)")));
  std::vector<Cell> last_of_tokens;
  for (const auto& row : table.rows) {
    if (row[0] != Cell()) last_of_tokens = row;
  }
  EXPECT_EQ(last_of_tokens[3], Cell(std::string("a")));
  EXPECT_EQ(last_of_tokens[4], Cell(3.0));
}

TEST(LossCurve, table_has_a_row_a_run_and_warns_of_different_tokenizers) {
  std::vector<TrainingRun> runs{sample_run("a", 100), sample_run("b", 40)};
  runs[1].segments[0].header.config.tokenizer = "gpt2";
  const Table table = loss_table(runs, LossBudget::tokens);
  ASSERT_EQ(table.rows.size(), 2U);
  ASSERT_EQ(table.columns.size(), 1U + 6U);  // 100 200 500 1000 2000 and 4000 tokens
  EXPECT_EQ(table.columns.back().key, "loss_at_4000_tokens");
  EXPECT_EQ(table.notes.size(), 3U);
}

}  // namespace
}  // namespace isoflop
