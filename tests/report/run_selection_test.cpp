// SPDX-License-Identifier: MIT
#include "report/run_selection.hpp"

#include "core/base/error.hpp"
#include "core/run/segment_samples.hpp"
#include "report/run_keys.hpp"
#include "report/tables.hpp"

#include <gmock/gmock.h>

#include <cmath>

namespace isoflop {
namespace {

TrainingRun run_of(const std::string& name, const std::string& yaml) {
  TrainingRun run = sample_run(name, 20);
  run.segments[0].header.config.yaml = yaml;
  return run;
}

std::vector<TrainingRun> three_runs() {
  return {run_of("a", "model: {n_layer: 10, position_encoding: rope}\n"),
          run_of("b", "model: {n_layer: 9}\n"),
          run_of("c", "model: {n_layer: 10.0, position_encoding: none}\n")};
}

std::string names_of(const std::vector<TrainingRun>& runs) {
  std::string names;
  for (const TrainingRun& run : runs) names += run.name;
  return names;
}

std::string selected(const RunSelection& selection) {
  std::vector<TrainingRun> runs = three_runs();
  select_runs(runs, selection);
  return names_of(runs);
}

TEST(RunKeys, columns_header_and_configuration_are_keys) {
  const TrainingRun run =
      run_of("a", "model: {n_layer: 10, bias: false}\nlist: [1, [2, x], {k: v}]\nname: '12'\n");
  const RunKeys keys = header_keys(run);
  EXPECT_EQ(keys.at("model.n_layer"), Cell(int64_t{10}));
  EXPECT_EQ(keys.at("model.bias"), Cell(std::string("false")));
  EXPECT_EQ(keys.at("list"), Cell(std::string("[1, [2, x], {k: v}]")));
  EXPECT_EQ(keys.at("name"), Cell(std::string("12")));
  EXPECT_EQ(values_of_key(std::span(&run, 1), "--sort", "tokens").at(0), Cell(int64_t{2000}));
  EXPECT_EQ(keys.at("hardware.gpu_name"), Cell(std::string("H100")));
  EXPECT_EQ(keys.at("layout.strategy"), Cell(std::string("hsdp")));
  EXPECT_EQ(keys.at("flops.counts_attention"), Cell(std::string("true")));
  EXPECT_FALSE(keys.contains("cluster"));  // not recorded
}

TEST(RunSelection, numbers_are_ordered_as_numbers_and_runs_without_the_key_come_last) {
  EXPECT_EQ(selected({.sort = "model.n_layer"}), "bac");
  EXPECT_EQ(selected({.sort = "run:desc"}), "cba");
  EXPECT_EQ(selected({.sort = "model.position_encoding"}), "cab");
  EXPECT_EQ(selected({.sort = "model.position_encoding:desc"}), "acb");
}

TEST(RunSelection, filters_compare_text_and_numbers_and_must_all_hold) {
  EXPECT_EQ(selected({.filters = {"model.n_layer=10"}}), "ac");
  EXPECT_EQ(selected({.filters = {"model.n_layer=10", "model.position_encoding=rope"}}), "a");
  EXPECT_EQ(selected({.filters = {"model.position_encoding=-"}}), "b");
}

TEST(RunSelection, groups_stand_together_in_the_order_asked_for) {
  EXPECT_EQ(selected({.sort = "run:desc", .group = "model.n_layer"}), "bca");
}

void expect_refused(const RunSelection& selection, const std::string& text) {
  try {
    selected(selection);
    FAIL() << "accepted";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr(text));
  }
}

TEST(RunSelection, unknown_keys_and_values_are_named) {
  expect_refused({.sort = "model.n_layers"},
                 "no run recorded a key 'model.n_layers' (did you mean "
                 "'model.n_layer'?)");
  expect_refused({.filters = {"model.n_layer=11"}},
                 "--filter model.n_layer=11: no run has that value (there are 10, 9)");
  expect_refused({.filters = {"n_layer"}}, "--filter is 'n_layer' (must be KEY=VALUE)");
  expect_refused({.group = "nothing"}, "--group: no run recorded a key 'nothing'");
}

// MFU of steps 3-20: nine of 40 % and nine of 50 %.
TEST(GroupTable, means_are_over_runs_and_losses_over_those_that_are_done) {
  std::vector<TrainingRun> runs{sample_run("a", 20), sample_run("b", 20), sample_run("c", 20)};
  runs[0].segments[0].evals = {sample_eval(20, 3.0)};
  runs[1].segments[0].evals = {sample_eval(20, 4.0)};
  runs[2].segments[0].evals = {sample_eval(20, 9.0)};
  runs[2].segments[0].state = RunState::failed;
  std::vector<RunSummary> summaries;
  for (const TrainingRun& run : runs) summaries.push_back(summarize(run));
  const Table table = group_table(runs, summaries, "layout.strategy");
  ASSERT_EQ(table.rows.size(), 1U);
  EXPECT_EQ(table.rows[0][0], Cell(std::string("hsdp")));
  EXPECT_EQ(table.rows[0][1], Cell(int64_t{3}));
  EXPECT_EQ(table.rows[0][2], Cell(int64_t{1}));
  EXPECT_NEAR(std::get<double>(table.rows[0][5]), 45, 1e-5);
  EXPECT_DOUBLE_EQ(std::get<double>(table.rows[0][9]), 3.5);
  EXPECT_NEAR(std::get<double>(table.rows[0][10]), std::sqrt(0.5), 1e-12);
}

}  // namespace
}  // namespace isoflop
