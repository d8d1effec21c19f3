// SPDX-License-Identifier: MIT
// Lines of CSV against the JSON document of the same run: the same names and the same values.
#include "core/run/run_csv.hpp"

#include "core/base/csv.hpp"
#include "segment_samples.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <set>
#include <string>

namespace isoflop {
namespace {

using nlohmann::json;

/// Two starts, steps 1-6 and from 4 on 5-10, with norms of two units at even steps of the second.
TrainingRun two_starts() {
  RunFile first = sample_segment("a", 0, 0, 6);
  RunFile second = sample_segment("a", 1, 4, 10);
  first.header.unit_names = second.header.unit_names = {"embedding", "block, 0"};
  for (StepRecord& step : second.steps.in_memory()) {
    step.grad_norm = 0.1F;
    step.flags = kStepSpike;
    if (step.step % 2 != 0) continue;
    second.gradients.push_back({.step = step.step, .time = 1, .mean = 1e-6F, .std = 0.25F});
    second.layer_norms.push_back({step.step, {1.5F, 2.5F}, {3, 4}, {0.1F, 0.2F}});
  }
  second.evals.push_back(sample_eval(8, 3.25));
  return join_segments({first, second});
}

CsvTable csv_of(const TrainingRun& run) {
  std::string text;
  write_run_csv(run, [&](std::string_view piece) { text += piece; });
  return CsvTable::parse(text, "run.csv");
}

json document_of(const TrainingRun& run) {
  std::string text;
  write_run_document(run, [&](std::string_view piece) { text += piece; });
  return json::parse(text);
}

/// {"a": {"b": 1}} as {"a.b": 1}, nulls left out.
void flatten(const json& value, const std::string& prefix, json& flat) {
  for (const auto& [key, member] : value.items()) {
    if (member.is_object())
      flatten(member, prefix + key + ".", flat);
    else if (!member.is_null())
      flat[prefix + key] = member;
  }
}

json csv_row(const CsvTable& csv, std::size_t row) {
  json values = json::object();
  for (const std::string& column : csv.columns())
    if (const auto field = csv.find(row, column)) values[column] = json::parse(*field);
  return values;
}

TEST(RunCsv, a_line_an_iteration_has_what_the_document_has) {
  const TrainingRun run = two_starts();
  const CsvTable csv = csv_of(run);
  const json document = document_of(run);
  const json& iterations = document.at("training_iterations");
  ASSERT_EQ(csv.n_row(), 10U);
  ASSERT_EQ(iterations.size(), 10U);
  for (std::size_t row = 0; row < csv.n_row(); ++row) {
    json expected = json::object();
    flatten(iterations[row], "", expected);
    if (expected.at("iter") == 8) expected["validation_loss"] = 3.25;
    EXPECT_EQ(csv_row(csv, row), expected);
  }
}

TEST(RunCsv, columns_are_the_keys_of_the_document) {
  const CsvTable csv = csv_of(two_starts());
  const std::set<std::string> columns(csv.columns().begin(), csv.columns().end());
  for (const char* key : {"iter", "loss", "time_ms", "mfu.mfu_percent", "mfu.achieved_tflops",
                          "mfu.hardware_peak_tflops", "mfu.tokens_per_sec", "mfu.flops_per_token",
                          "memory.allocated_gb", "memory.peak_gb", "memory.reserved_gb",
                          "gradients.global_norm", "gradients.grad_mean", "gradients.grad_std",
                          "gradients.per_layer.block, 0.grad_norm", "validation_loss", "test_loss"})
    EXPECT_TRUE(columns.contains(key)) << key;
}

TEST(RunCsv, norms_of_a_start_with_other_units_are_left_out) {
  RunFile first = sample_segment("a", 0, 0, 4);
  first.header.unit_names = {"x"};
  first.layer_norms = {{2, {1}, {1}, {1}}};
  const CsvTable csv = csv_of(join_segments({first, sample_segment("a", 1, 4, 8)}));
  EXPECT_EQ(csv.n_row(), 8U);
  for (const std::string& column : csv.columns())
    EXPECT_EQ(column.find("per_layer"), std::string::npos) << column;
}

TEST(RunCsv, a_run_without_steps_is_a_header) {
  const CsvTable csv = csv_of(join_segments({sample_segment("a", 0, 0, 0)}));
  EXPECT_EQ(csv.n_row(), 0U);
  EXPECT_EQ(csv.columns().front(), "iter");
}

}  // namespace
}  // namespace isoflop
