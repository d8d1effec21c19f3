// SPDX-License-Identifier: MIT
#include "planner/fit/published_fit.hpp"

#include "core/base/text_file.hpp"
#include "planner/fit/fit_parameters.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>

namespace isoflop {
namespace {

/// Mean errors in per cent of step times on a source that the fit has not seen, without and with
/// the factor of three rows. What this version reaches, rounded up: a change that worsens one fails
/// here, one that improves it lowers the bound.
struct Bound {
  double zero_shot;
  double one_factor;
};
const std::map<std::string, Bound> kHeldOut = {
    {"Megatron-LM README Apr-2021 (= SC21 Narayanan Table 1)", {6.5, 2.0}},
    {"Megatron-LM README Jan-2021 (older software)", {3.0, 2.5}},
    {"SC21 Narayanan Table 2 (image kept in cli99/llm-analysis)", {13.0, 8.5}},
    {"Megatron-LM README May-2022 GPT-3 example", {1.5, 0.5}},
    {"Korthikanti 2022 Table 5 (times read from calculon validation.py; layout from calculon "
     "validation/seqsel/tab5)",
     {12.5, 4.5}},
    {"Korthikanti 2022 abstract", {12.0, 6.5}},
    {"MosaicML llm-foundry training benchmarks", {9.5, 6.5}},
    {"torchtitan benchmarks 2024-12 (Meta Grand Teton)", {6.0, 6.0}},
    {"torchtitan benchmark Trainy/WhiteFiber 2025-06", {3.5, 1.0}},
    {"NVIDIA Megatron-Bridge performance summary, 25.11 NeMo Container", {18.5, 15.5}},
    {"NVIDIA Megatron-Bridge performance summary, 25.09 NeMo Container", {10.5, 10.5}},
    {"Megatron-Bridge memory-tuning measured card (PR #3107)", {6.0, 6.0}},
    {"NeMo 24.07 performance summary (DGX-H100)", {6.5, 5.0}},
    {"NVIDIA dgxc-benchmarking v25.01", {2.5, 3.0}},
    {"NVIDIA dgxc-benchmarking v25.04.02", {5.0, 5.0}},
    {"NVIDIA dgxc-benchmarking v25.02.02", {6.5, 2.5}},
    {"NeMo AutoModel performance summary (2025-10-02)", {14.5, 14.0}},
    {"IBM fms-fsdp README", {5.5, 6.5}},
    {"InternEvo train_performance.md", {8.5, 3.5}},
    {"InternEvo train_performance.md (FLOPS test)", {7.0, 6.5}},
    {"BigScience tr11-176B chronicles-prequel (Megatron-DeepSpeed, JZ A100-80GB)", {25.5, 8.0}},
    {"SimuMax v1.2 B200 release table (real Megatron-LM runs)", {13.5, 9.0}},
    {"vTrain MICRO-57 artifact single node", {7.0, 8.5}},
};

const CsvTable& table() {
  static const CsvTable runs = CsvTable::load(data_dir() / "published_runs.csv");
  return runs;
}
const RunReader& reader() {
  static const RunReader runs;
  return runs;
}
const CalibrationSection& shipped() {
  static const CalibrationFile file = CalibrationFile::load(default_calibration_file());
  return file.section("gpu");
}
const std::vector<PublishedMeasurement>& measurements() {
  static const std::vector<PublishedMeasurement> all =
      published_measurements(table(), reader(), shipped().values());
  return all;
}

TEST(PublishedFit, of_no_source_held_out_has_worsened) {
  const auto groups = held_out_groups(measurements(), HoldOut::source);
  const std::vector<SourceAccuracy> sources =
      accuracy_by_source(estimate_held_out(table(), reader(), shipped(), groups));
  for (const SourceAccuracy& source : sources) {
    std::printf("%5zu rows  %5.1f %%  %5.1f %%  %s\n", source.rows, 100 * source.mean_error,
                100 * source.factored_error, source.source.c_str());
    const auto bound = kHeldOut.find(source.source);
    ASSERT_NE(bound, kHeldOut.end()) << source.source;
    EXPECT_LE(100 * source.mean_error, bound->second.zero_shot) << source.source;
    EXPECT_LE(100 * source.factored_error, bound->second.one_factor) << source.source;
    EXPECT_GE(source.rank_correlation.value_or(1), 0.85) << source.source;
    EXPECT_LE(source.regret.value_or(0), 0.01) << source.source;
  }
  EXPECT_EQ(sources.size(), kHeldOut.size());
}

// A layout predicted by constants that have seen it is no test: the constants of a group do not
// depend on its own rows.
TEST(PublishedFit, what_is_held_out_is_not_seen) {
  const std::vector<std::vector<std::string>> group{{"vTrain MICRO-57 artifact single node"}};
  const std::vector<EstimatedRow> held = estimate_held_out(table(), reader(), shipped(), group);
  std::vector<PublishedMeasurement> others;
  for (const PublishedMeasurement& measurement : measurements())
    if (measurement.run.source != group.front().front()) others.push_back(measurement);
  const Calibration without = fit_to_published(others, shipped(), "others").values();
  for (const PublishedMeasurement& measurement : measurements()) {
    if (measurement.run.source != group.front().front()) continue;
    EXPECT_EQ(held[measurement.row].estimate->step.total(),
              estimate_run(measurement.run, without).step.total());
    return;
  }
  FAIL() << "no row of the group";
}

// To the fourth digit, which the last bits of a compiler's arithmetic may move.
TEST(PublishedFit, gives_the_constants_that_are_shipped) {
  const CalibrationSection fitted = fit_to_published(measurements(), shipped(), "all");
  for (const FitParameter& parameter : fit_parameters(shipped(), FitCentre::priors)) {
    const double value = value_of(shipped(), parameter);
    EXPECT_NEAR(value_of(fitted, parameter), value, 2e-3 * value)
        << parameter.name << ": run planner calibrate --published --out data/calibration.yaml";
  }
}

TEST(PublishedFit, programs_join_the_sources_that_used_them) {
  const auto groups = held_out_groups(measurements(), HoldOut::program);
  const auto together = [&](const std::string& a, const std::string& b) {
    for (const auto& group : groups) {
      const auto has = [&](const std::string& text) {
        return std::any_of(group.begin(), group.end(),
                           [&](const std::string& name) { return name.starts_with(text); });
      };
      if (has(a)) return has(b);
    }
    return false;
  };
  EXPECT_TRUE(together("Megatron-LM README Apr-2021", "SC21 Narayanan Table 2"));
  EXPECT_TRUE(together("NeMo 24.07", "NVIDIA dgxc-benchmarking v25.01"));
  EXPECT_FALSE(together("NeMo 24.07", "vTrain"));
}

}  // namespace
}  // namespace isoflop
