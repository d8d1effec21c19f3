// SPDX-License-Identifier: MIT
#include "report/run_summary.hpp"

#include "core/run/segment_samples.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace isoflop {
namespace {

constexpr double kFloat = 1e-6;  // the recorded values are floats

// 100 steps: 5 of warm-up, 6-100 remain: 47 odd ones with 40 % and 48 even ones with 50 %.
TEST(RunSummary, mfu_is_taken_after_the_first_five_percent) {
  const RunSummary summary = summarize(sample_run("a", 100));
  const double mean = (47 * 0.4 + 48 * 0.5) / 95;
  EXPECT_NEAR(*summary.mfu, mean, kFloat);
  const double squares = 47 * std::pow(0.4 - mean, 2) + 48 * std::pow(0.5 - mean, 2);
  EXPECT_NEAR(*summary.mfu_std, std::sqrt(squares / 94), kFloat);
}

// 10 steps: 5 % would be one step, but two are warm-up: 3-10 are 4 odd and 4 even ones.
TEST(RunSummary, warm_up_is_at_least_two_steps) {
  EXPECT_NEAR(*summarize(sample_run("a", 10)).mfu, 0.45, kFloat);
}

TEST(RunSummary, slow_first_steps_of_every_start_do_not_count) {
  RunFile first = sample_segment("a", 0, 0, 40);
  RunFile second = sample_segment("a", 1, 40, 80);
  for (RunFile* segment : {&first, &second}) {
    segment->steps[0].step_s = 100.0F;
    segment->steps[1].step_s = 50.0F;
  }
  const RunSummary summary = summarize(join_segments({first, second}));
  EXPECT_DOUBLE_EQ(*summary.tokens_per_s, 200.0);  // 100 tokens in 0.5 s
  EXPECT_DOUBLE_EQ(*summary.step_s, 0.5);
}

// Steps 91-100: the mean of 10 - step / 100 is 10 - 0.955.
TEST(RunSummary, train_loss_is_the_mean_of_the_last_ten_of_a_hundred) {
  EXPECT_NEAR(*summarize(sample_run("a", 100)).train_loss, 9.045, kFloat);
}

// 2 % of 1000: steps 981-1000, mean 990.5.
TEST(RunSummary, train_loss_is_the_mean_of_the_last_two_percent_of_a_long_run) {
  EXPECT_NEAR(*summarize(sample_run("a", 1000)).train_loss, 10 - 9.905, kFloat);
}

TEST(RunSummary, validation_loss_is_the_last_evaluation_on_validation_data) {
  TrainingRun run = sample_run("a", 100);
  EvalRecord test_set = sample_eval(100, 1.0);
  test_set.set = EvalSet::test;
  run.segments[0].evals = {sample_eval(50, 4.0), sample_eval(100, 3.0), test_set};
  EXPECT_EQ(summarize(run).validation_loss, 3.0);
}

// Step 1 began at 1000.5, step 100 ended at 1100; the second start ran from 1080.5 to 1130.
TEST(RunSummary, wall_time_adds_the_starts_and_keeps_lost_work) {
  const TrainingRun run =
      join_segments({sample_segment("a", 0, 0, 100), sample_segment("a", 1, 80, 130)});
  const RunSummary summary = summarize(run);
  EXPECT_EQ(summary.lost_steps, 20);
  EXPECT_DOUBLE_EQ(*summary.wall_s, 99.5 + 49.5);
}

TEST(RunSummary, facts_come_from_the_last_start) {
  const RunSummary summary = summarize(sample_run("a", 100));
  EXPECT_EQ(summary.name, "a");
  EXPECT_EQ(summary.model, "tiny");
  EXPECT_EQ(summary.n_params, 1'000'000);
  EXPECT_EQ(summary.steps, 100);
  EXPECT_EQ(summary.tokens, 10'000);
  EXPECT_EQ(summary.n_devices, 8);
  EXPECT_EQ(summary.device, "H100");
  EXPECT_EQ(summary.layout, "hsdp 4x2, mb 3 x 5, recompute full");
  EXPECT_EQ(summary.state, "done");
  EXPECT_NEAR(*summary.mem_peak_gib, 2.0 + 100.0 / 1024.0, kFloat);
}

// 100 steps of 0.5 s but for the last five of 2 s: 95 steps remain, of which 90.25 must not be
// slower.
TEST(RunSummary, five_slow_of_95_steps_are_the_p95) {
  TrainingRun run = sample_run("a", 100);
  for (int64_t step = 96; step <= 100; ++step)
    run.segments[0].steps.in_memory()[step - 1].step_s = 2.0F;
  EXPECT_DOUBLE_EQ(*summarize(run).step_p95_s, 2.0);
  run.segments[0].steps.in_memory()[95].step_s = 0.5F;
  EXPECT_DOUBLE_EQ(*summarize(run).step_p95_s, 0.5);
}

TEST(RunSummary, full_square_mfu_and_hfu_follow_the_recorded_flops) {
  TrainingRun run = sample_run("a", 10);
  RunFlops& flops = run.segments[0].header.flops;
  flops.model_flops_per_token = 1000;
  flops.recompute_factor = 4.0 / 3.0;
  EXPECT_EQ(summarize(run).full_square_ratio, std::nullopt);
  flops.model_flops_per_token_full_attention = 1100;
  EXPECT_DOUBLE_EQ(*summarize(run).full_square_ratio, 1.1);
  EXPECT_NEAR(*summarize(run).hfu, 0.6, kFloat);
}

TEST(RunSummary, exposed_communication_is_a_share_of_settled_steps) {
  TrainingRun run = sample_run("a", 10);
  EXPECT_EQ(summarize(run).exposed_comm, std::nullopt);
  for (StepRecord& step : run.segments[0].steps.in_memory())
    step.comm_s = step.step <= 2 ? 0.5F : 0.125F;
  EXPECT_DOUBLE_EQ(*summarize(run).exposed_comm, 0.25);
}

// 100 steps and 50 of the second start, of which 20 are the first's again: 130 x 0.5 s of 149 s.
TEST(RunSummary, productive_time_leaves_lost_steps_out) {
  const TrainingRun run =
      join_segments({sample_segment("a", 0, 0, 100), sample_segment("a", 1, 80, 130)});
  const RunSummary summary = summarize(run);
  EXPECT_EQ(summary.restarts, 1);
  EXPECT_DOUBLE_EQ(*summary.productive, 65.0 / 149.0);
  EXPECT_EQ(summarize(sample_run("b", 0)).productive, std::nullopt);
}

TEST(RunSummary, names_of_partial_runs_say_so) {
  TrainingRun run = sample_run("a", 10);
  EXPECT_EQ(marked_name(run), "a");
  run.segments[0].state = RunState::nan;
  EXPECT_EQ(marked_name(run), "a (PARTIAL)");
}

TEST(RunSummary, everything_but_done_is_partial) {
  TrainingRun run = sample_run("a", 100);
  run.segments[0].state = RunState::failed;
  EXPECT_EQ(summarize(run).state, "PARTIAL (failed)");
  run.segments[0].state = RunState::running;
  EXPECT_EQ(summarize(run).state, "PARTIAL (running)");
}

TEST(RunSummary, run_without_steps_has_no_figures) {
  const RunSummary summary = summarize(sample_run("a", 0));
  EXPECT_EQ(summary.steps, 0);
  EXPECT_FALSE(summary.mfu || summary.tokens_per_s || summary.train_loss ||
               summary.validation_loss || summary.wall_s || summary.step_s);
}

TEST(RunSummary, run_of_an_unknown_device_has_no_mfu) {
  TrainingRun run = sample_run("a", 100);
  for (StepRecord& step : run.segments[0].steps.in_memory()) step.mfu.reset();
  EXPECT_EQ(summarize(run).mfu, std::nullopt);
  EXPECT_TRUE(summarize(run).tokens_per_s.has_value());
}

}  // namespace
}  // namespace isoflop
