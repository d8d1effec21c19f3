// SPDX-License-Identifier: MIT
#include "report/compare.hpp"

#include "core/base/error.hpp"
#include "core/run/segment_samples.hpp"

#include <gmock/gmock.h>

#include <cmath>

namespace isoflop {
namespace {

using ::testing::HasSubstr;

// Means 2 and 5, variances 1 and 1 of three runs each: 3 +- t(4) sqrt(2 / 3).
TEST(CompareGroups, intervals_over_runs_are_welchs) {
  const auto difference = compare_groups({{1, 2, 3}, {}}, {{4, 5, 6}, {}});
  ASSERT_TRUE(difference && difference->half_width);
  EXPECT_DOUBLE_EQ(difference->other - difference->base, 3);
  EXPECT_NEAR(*difference->half_width, 2.776 * std::sqrt(2.0 / 3), 1e-9);
  EXPECT_EQ(difference->interval_over, "runs");
}

TEST(CompareGroups, one_run_against_others_has_the_interval_of_its_steps) {
  const auto difference = compare_groups({{1}, {0.03}}, {{2}, {0.01}});
  ASSERT_TRUE(difference && difference->half_width);
  EXPECT_EQ(difference->interval_over, "steps");
  // 0.04^2 / ((0.03^2 + 0.01^2) / 4) = 6.4 degrees of freedom: those of 6.
  EXPECT_NEAR(*difference->half_width, 2.447 * 0.2, 1e-9);
}

TEST(CompareGroups, what_neither_tells_has_no_interval) {
  EXPECT_EQ(compare_groups({{1}, {}}, {{2, 3}, {}})->half_width, std::nullopt);
  EXPECT_EQ(compare_groups({{1}, {}}, {{}, {}}), std::nullopt);
}

TEST(CompareGroups, students_t_is_that_of_the_tables) {
  EXPECT_EQ(student_t95(1), 12.706);
  EXPECT_EQ(student_t95(10.9), 2.228);
  EXPECT_EQ(student_t95(35), 2.042);
  EXPECT_EQ(student_t95(1e6), 1.984);  // not below that of 100
}

TrainingRun run_of(const std::string& name, const std::string& encoding, double loss) {
  TrainingRun run = sample_run(name, 100);
  run.segments[0].header.config.yaml =
      "run: {name: " + name + "}\nmodel: {n_layer: 2, position_encoding: " + encoding + "}\n";
  run.segments[0].evals = {sample_eval(50, loss + 1), sample_eval(100, loss)};
  return run;
}

std::vector<TrainingRun> four_runs() {
  return {run_of("a", "rope", 3.0), run_of("b", "none", 3.4), run_of("c", "rope", 3.2),
          run_of("d", "none", 3.6)};
}

TEST(CompareTables, losses_at_equal_budgets_differ_by_the_groups_means) {
  const std::vector<Table> tables = compare_tables(four_runs(), {.by = "model.position_encoding"});
  const std::vector<Cell>* loss = nullptr;
  for (const auto& row : tables[0].rows) {
    if (row[0] == Cell(std::string("validation loss at 10.0 k tokens"))) loss = &row;
  }
  ASSERT_NE(loss, nullptr);
  EXPECT_DOUBLE_EQ(std::get<double>((*loss)[2]), 3.1);
  EXPECT_DOUBLE_EQ(std::get<double>((*loss)[3]), 3.5);
  // Standard deviations sqrt(0.02) of two runs each: 0.4 +- t(2) sqrt(0.02).
  EXPECT_NEAR(std::get<double>((*loss)[5]), 0.4 - 4.303 * std::sqrt(0.02), 1e-6);
  EXPECT_EQ((*loss)[8], Cell(std::string("runs")));
}

TEST(CompareTables, runs_without_a_figure_in_common_are_said_to_have_none) {
  std::vector<TrainingRun> runs = {sample_run("a", 0), sample_run("b", 0)};
  const std::vector<Table> tables = compare_tables(runs, {.by = "run"});
  EXPECT_THAT(tables[0].rows, ::testing::IsEmpty());
  EXPECT_THAT(tables[0].notes, ::testing::Contains(HasSubstr("nothing to compare")));
  EXPECT_THAT(tables[0].notes, ::testing::Contains(HasSubstr("a: 1 run (")));
}

TEST(CompareTables, only_keys_that_differ_between_the_groups_are_listed) {
  const std::vector<Table> tables = compare_tables(four_runs(), {.by = "model.position_encoding"});
  ASSERT_EQ(tables[1].rows.size(), 1U);
  EXPECT_EQ(tables[1].rows[0][0], Cell(std::string("model.position_encoding")));
  EXPECT_EQ(tables[1].rows[0][1], Cell(std::string("rope")));
  EXPECT_EQ(tables[1].rows[0][2], Cell(std::string("none")));
}

TEST(CompareTables, values_choose_the_groups_and_their_order) {
  const CompareOptions options{.by = "run", .values = {"c", "a"}};
  EXPECT_EQ(compare_tables(four_runs(), options)[0].title, "a against c");
}

void expect_refused(const CompareOptions& options, const std::string& text) {
  try {
    compare_tables(four_runs(), options);
    FAIL() << "accepted";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr(text));
  }
}

TEST(CompareTables, keys_that_do_not_give_two_groups_are_refused) {
  expect_refused({.by = "run"}, "--by run gives 4 groups (a, b, c, d); name two");
  expect_refused({.by = "model.n_layer"}, "gives 1 groups (2)");
  expect_refused({.by = "run", .values = {"a", "x"}}, "--values: no run has run 'x'");
  expect_refused({.by = "nothing"}, "--by: no run recorded a key 'nothing'");
}

}  // namespace
}  // namespace isoflop
