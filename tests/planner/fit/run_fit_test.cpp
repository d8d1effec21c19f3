// SPDX-License-Identifier: MIT
#include "planner/fit/run_fit.hpp"

#include "planner/planner_fixtures.hpp"
#include "planner/shape_search.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace isoflop {
namespace {

const CalibrationSection& shipped(const std::string& name) {
  static const CalibrationFile file = CalibrationFile::load(default_calibration_file());
  return file.section(name);
}

MeasuredRun run_on(const Partition& partition, Precision precision, int64_t d_model) {
  const ShapeRequest request{.vocab_size = 272, .seq_len = 256, .min_params = 0, .max_params = 0};
  MeasuredRun run;
  run.name = "runs/test-" + std::to_string(d_model) + ".h5";
  run.shape = make_shape(request, d_model, 4);
  run.seq_len = 256;
  run.partition = partition;
  run.precision = precision;
  run.job = {partition.nodes, partition.devices_per_node};
  run.layout = {ParallelStrategy::ddp, run.job.devices(), 1, 16, 1, Recompute::none};
  return run;
}

/// As if the constants were these.
MeasuredRun measured_with(MeasuredRun run, const Calibration& truth) {
  const StepTime step = predict_run(run, truth);
  run.step = {.total_s = step.total(),
              .communication_s = step.communication_s,
              .optimizer_s = step.optimizer_s};
  return run;
}

const ConstantFit& constant(const RunFit& fit, const std::string& name) {
  return *std::find_if(fit.constants.begin(), fit.constants.end(),
                       [&](const ConstantFit& one) { return one.name == name; });
}

TEST(RunFit, one_run_on_cpus_determines_how_near_it_came_to_the_benchmark) {
  Calibration truth = shipped("cpu").values();
  truth.bench_efficiency = 0.7;
  const MeasuredRun run =
      measured_with(run_on(test::cpu_cluster().partitions.front(), Precision::fp32, 128), truth);
  const RunFit fit = fit_to_runs(std::span(&run, 1), shipped("cpu"));
  const RunPredictions& step = fit.runs.front();
  EXPECT_LT(step.before_s / step.measured_s, 0.8);
  EXPECT_NEAR(step.after_s / step.measured_s, 1, 0.01);
  EXPECT_TRUE(constant(fit, "bench_efficiency").determined);
  EXPECT_NEAR(constant(fit, "bench_efficiency").after, 0.7, 0.02);
  EXPECT_FALSE(step.held_out_s);
}

TEST(RunFit, what_runs_do_not_determine_keeps_value_and_origin) {
  Calibration truth = shipped("cpu").values();
  truth.bench_efficiency = 0.7;
  const MeasuredRun run =
      measured_with(run_on(test::cpu_cluster().partitions.front(), Precision::fp32, 128), truth);
  const RunFit fit = fit_to_runs(std::span(&run, 1), shipped("cpu"));
  // Measured efficiency takes the place of single products.
  EXPECT_FALSE(constant(fit, "gemm_sustained").determined);
  for (std::size_t i = 0; i < fit.section.constants.size(); ++i) {
    const bool changed = fit.section.constants[i].key == "bench_efficiency";
    if (!changed && !constant(fit, "inter_node_bandwidth").determined) {
      EXPECT_EQ(fit.section.constants[i], shipped("cpu").constants[i]);
    }
    if (changed) {
      EXPECT_EQ(fit.section.constants[i].fitted_on, "1 run(s) of isoflop: test-128.h5");
    }
  }
}

TEST(RunFit, three_runs_are_held_out_in_turn) {
  Calibration truth = shipped("cpu").values();
  truth.bench_efficiency = 1.4;
  std::vector<MeasuredRun> runs;
  for (const int64_t d_model : {64, 128, 256})
    runs.push_back(measured_with(
        run_on(test::cpu_cluster().partitions.front(), Precision::fp32, d_model), truth));
  const RunFit fit = fit_to_runs(runs, shipped("cpu"));
  for (const RunPredictions& run : fit.runs) {
    ASSERT_TRUE(run.held_out_s);
    EXPECT_NEAR(*run.held_out_s / run.measured_s, 1, 0.02);
  }
}

TEST(RunFit, of_a_gpu_run_moves_what_its_time_depends_on) {
  Calibration truth = shipped("gpu").values();
  for (auto& [kind, value] : truth.gemm_sustained.of) value *= 0.8;
  MeasuredRun run = run_on(test::h100_cluster().partitions.front(), Precision::bf16, 4096);
  run.job = {1, 8};
  run.layout = {ParallelStrategy::fsdp, 1, 8, 64, 1, Recompute::none};
  run = measured_with(run, truth);
  const RunFit fit = fit_to_runs(std::span(&run, 1), shipped("gpu"));
  EXPECT_GT(std::abs(fit.runs.front().before_s / run.step.total_s - 1), 0.1);
  EXPECT_NEAR(fit.runs.front().after_s / run.step.total_s, 1, 0.02);
  EXPECT_TRUE(constant(fit, "gemm_sustained (Hopper)").determined);
  EXPECT_FALSE(constant(fit, "gemm_sustained (Ampere)").determined);
}

TEST(RunFit, of_no_runs_changes_nothing) {
  EXPECT_EQ(fit_to_runs({}, shipped("cpu")).section, shipped("cpu"));
}

}  // namespace
}  // namespace isoflop
