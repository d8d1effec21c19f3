// SPDX-License-Identifier: MIT
#include "trainer/telemetry/recorder.hpp"

#include "core/base/log.hpp"
#include "core/run/run_reader.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace isoflop {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr int kRanks = 2;
const std::vector<RankInfo> kRankInfos = rank_infos({"node07", "node08"});

/// 252 parameters: embedding 40; block 48 (qkv) + 16 (out) + 96 (ffn) + 8 (norms); head 4 + 40.
/// FLOPs a token: 6 x 200 weights of matrices + 6 n_head d_head seq_len = 1392.
TrainConfig small_config() {
  TrainConfig config;
  config.run.name = "small";
  ModelShape& model = config.model;
  model.n_layer = model.n_head = model.n_kv_head = 1;
  model.d_model = model.d_head = 4;
  model.d_ff = 8;
  model.vocab_size = 10;
  model.max_seq_len = 8;
  config.data = {"data", 8};
  config.layout.micro_batch_size = 2;
  config.layout.global_batch_size = 4;  // 32 tokens a step
  config.optimizer.lr = 1e-3;
  config.schedule = {.steps = 100, .warmup_steps = 4};
  config.device.peak_tflops = 1e-6;
  return config;
}

RunHeader header_for(const TrainConfig& config) {
  RunHeader header;
  header.identity.run_id = config.run.name;
  header.hardware.world_size = kRanks;
  header.unit_names = {"embedding", "block0", "head"};
  return header;
}

/// A recorder with a run file; statistics rows belong to units 0, 1, 1, 2.
class RecorderTest : public testing::Test {
 protected:
  StepMeasurement measurement(int64_t step, double loss) const {
    StepMeasurement result;
    result.step = step;
    result.readback.output.loss_sum = loss * 32;
    result.readback.output.grad_norm = 5;
    result.readback.sums = sums_;
    result.readback.extremes = extremes_;
    result.readback.norms = norms_;
    result.readback.rank_times = rank_times_;
    result.readback.rank_times_step = std::max<int64_t>(step - 2, 0);
    result.readback.memory = {.allocated = 0x1p30, .peak = 0x3p29, .reserved = 0x1p29};
    result.times = {.step = 0.5, .data = 0.01, .forward = 0.1, .backward = 0.2, .optimizer = 0.05};
    result.exposed_communication_s = 0.03;
    return result;
  }
  StepMeasurement skipped(int64_t step, double loss) const {
    StepMeasurement result = measurement(step, loss);
    result.readback.output.skip = 1;
    result.readback.output.nonfinite = 9;
    result.readback.output.grad_norm = kNan;
    return result;
  }
  RunFile finish(RunState state = RunState::done) {
    recorder_.finish(state);
    return read_run_or_throw(path_);
  }

  test::TempDir folder_;
  std::filesystem::path path_ = folder_ / "small.s000.h5";
  TrainConfig config_ = small_config();
  std::vector<double> sums_ = {1, 4, 0, 2, 9, 0, -3, 16, 0, 252, 7, 0};  // sum, squares, non-finite
  std::vector<double> extremes_ = {0.5, 0.25, 3, 1, 0.1, 2, 0, 0};       // -min, max
  std::vector<double> norms_ = {8,  2, 18, 0,
                                32, 8, 14, 8};  // squares of parameters and update, x 2
  std::vector<double> rank_times_ = {0.5, 0.03125, 0.75, 0.25};  // step, exposed
  Layout layout_{.n_replica = kRanks};
  RunSchedule schedule_{config_};
  Recorder recorder_{config_,    schedule_,    layout_,
                     kRankInfos, {0, 1, 1, 2}, RunWriter(path_, header_for(config_))};
};

TEST_F(RecorderTest, row_of_a_step_has_the_values_worked_out_by_hand) {
  recorder_.record(measurement(1, 2.5));
  recorder_.record(measurement(2, 3.5));
  const RunFile file = finish();
  ASSERT_EQ(file.steps.size(), 2U);
  const StepRecord& row = file.steps[1];
  EXPECT_EQ(row.step, 2);
  EXPECT_EQ(row.tokens, 64);
  EXPECT_EQ(row.loss, 3.5F);
  EXPECT_FLOAT_EQ(row.lr.value(), 5e-4F);  // half of the warm-up
  EXPECT_EQ(row.grad_norm, 5.0F);
  EXPECT_EQ(row.step_s, 0.5F);
  EXPECT_EQ(row.data_s, 0.01F);
  EXPECT_EQ(row.forward_s, 0.1F);
  EXPECT_EQ(row.backward_s, 0.2F);
  EXPECT_EQ(row.comm_s, 0.03F);
  EXPECT_EQ(row.optimizer_s, 0.05F);
  EXPECT_EQ(row.tokens_per_s, 64.0F);
  EXPECT_FLOAT_EQ(row.tflops.value(), 64 * 1392 / 2 / 1e12F);
  EXPECT_FLOAT_EQ(row.mfu.value(), 0.044544F);
  EXPECT_EQ(row.mem_allocated_gib, 1.0F);
  EXPECT_EQ(row.mem_peak_gib, 1.5F);
  EXPECT_EQ(row.mem_reserved_gib, 0.5F);
  EXPECT_EQ(row.loss_mean, 3.0F);
  EXPECT_EQ(row.loss_var, 0.25F);
  EXPECT_EQ(row.flags, 0U);
  EXPECT_EQ(file.state, RunState::done);
}

TEST_F(RecorderTest, without_a_peak_there_is_no_mfu) {
  config_.device.peak_tflops.reset();
  recorder_.record(measurement(1, 2.5));
  EXPECT_EQ(finish().steps[0].mfu, std::nullopt);
}

TEST_F(RecorderTest, gradient_statistics_are_of_all_parameters) {
  recorder_.record(measurement(1, 2.5));
  const RunFile file = finish();
  ASSERT_EQ(file.gradients.size(), 1U);
  const GradientRecord& row = file.gradients[0];
  EXPECT_EQ(row.norm, 6.0F);  // sqrt(4 + 9 + 16 + 7)
  EXPECT_EQ(row.mean, 1.0F);  // (1 + 2 - 3 + 252) / 252
  EXPECT_EQ(row.std, 0.0F);   // squares below those of the mean alone: not negative
  EXPECT_EQ(row.min, -3.0F);
  EXPECT_EQ(row.max, 2.0F);
  EXPECT_EQ(row.nonfinite, 0);
}

TEST_F(RecorderTest, spread_of_gradients_is_around_their_mean) {
  sums_ = {126, 252, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};  // mean 1/2, mean square 1
  recorder_.record(measurement(1, 2.5));
  EXPECT_FLOAT_EQ(finish().gradients[0].std.value(), std::sqrt(0.75F));
}

TEST_F(RecorderTest, gradient_norms_are_summed_by_unit) {
  recorder_.record(measurement(1, 2.5));
  const RunFile file = finish();
  ASSERT_EQ(file.layer_norms.size(), 1U);
  EXPECT_THAT(file.layer_norms[0].gradient,
              testing::ElementsAre(2.0F, 5.0F, std::sqrt(7.0F)));  // 5 = sqrt(9 + 16)
}

// Two replicas, each with the whole model.
TEST_F(RecorderTest, norms_of_parameters_and_update_count_one_replica) {
  recorder_.record(measurement(1, 2.5));
  const RunFile file = finish();
  ASSERT_EQ(file.gradients.size(), 1U);
  EXPECT_EQ(file.gradients[0].param_norm, 6.0F);   // sqrt(4 + 9 + 16 + 7)
  EXPECT_EQ(file.gradients[0].update_norm, 3.0F);  // sqrt(1 + 0 + 4 + 4)
  EXPECT_THAT(file.layer_norms[0].parameter, testing::ElementsAre(2.0F, 5.0F, std::sqrt(7.0F)));
  EXPECT_THAT(file.layer_norms[0].update, testing::ElementsAre(1.0F, 2.0F, 2.0F));
}

TEST_F(RecorderTest, a_skipped_step_changes_nothing_and_leaves_parameters_unmeasured) {
  norms_.assign(8, 0);
  recorder_.record(skipped(1, 2.5));
  const RunFile file = finish();
  EXPECT_EQ(file.gradients.at(0).update_norm, 0.0F);
  EXPECT_EQ(file.gradients[0].param_norm, std::nullopt);
  EXPECT_THAT(file.layer_norms.at(0).update, testing::Each(0.0F));
  EXPECT_THAT(file.layer_norms[0].parameter, testing::Each(testing::IsNan()));
}

TEST_F(RecorderTest, statistics_are_of_the_finite_gradients) {
  sums_ = {126, 126, 126, 0, 0, 0, 0, 0, 0, 0, 0, 0};  // half of 252 elements, each 1
  recorder_.record(skipped(1, 2.5));
  const GradientRecord row = finish().gradients.at(0);
  EXPECT_EQ(row.nonfinite, 126);
  EXPECT_EQ(row.mean, 1.0F);
  EXPECT_EQ(row.std, 0.0F);
}

TEST_F(RecorderTest, without_a_finite_gradient_statistics_are_missing) {
  sums_ = {0, 0, 252, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  extremes_.assign(8, -std::numeric_limits<double>::infinity());
  norms_[0] = kNan;
  recorder_.record(skipped(1, kNan));
  const GradientRecord row = finish().gradients.at(0);
  EXPECT_EQ(row.nonfinite, 252);
  EXPECT_FALSE(row.mean || row.std || row.min || row.max || row.param_norm);
}

/// Steps of 1 to 30 that have rows.
struct RowSteps {
  std::vector<int64_t> gradients, layers, ranks;
};

class RecorderInterval : public RecorderTest {
 protected:
  RowSteps steps_with(int64_t interval) {
    config_.metrics.gradient_interval = interval;
    for (int64_t step = 1; step <= 30; ++step) recorder_.record(measurement(step, 2.5));
    const RunFile file = finish();
    RowSteps steps;
    for (const GradientRecord& row : file.gradients) steps.gradients.push_back(row.step);
    for (const LayerNormRecord& row : file.layer_norms) steps.layers.push_back(row.step);
    for (const RankTimesRecord& row : file.rank_times) steps.ranks.push_back(row.step);
    EXPECT_EQ(file.steps.size(), 30U);
    return steps;
  }
};

TEST_F(RecorderInterval, of_10_gives_rows_first_and_every_ten_steps) {
  const RowSteps steps = steps_with(10);
  EXPECT_THAT(steps.gradients, testing::ElementsAre(1, 10, 20, 30));
  EXPECT_EQ(steps.layers, steps.gradients);
  EXPECT_THAT(steps.ranks, testing::ElementsAre(1, 10, 20));  // known two steps later
}

TEST_F(RecorderInterval, of_7_gives_rows_first_and_every_seven_steps) {
  const RowSteps steps = steps_with(7);
  EXPECT_THAT(steps.gradients, testing::ElementsAre(1, 7, 14, 21, 28));
  EXPECT_EQ(steps.ranks, steps.gradients);
}

TEST_F(RecorderInterval, of_1_gives_rows_of_every_step) {
  const RowSteps steps = steps_with(1);
  EXPECT_THAT(steps.gradients, testing::SizeIs(30));
  EXPECT_THAT(steps.ranks, testing::SizeIs(28));
}

TEST_F(RecorderInterval, of_0_gives_none) {
  const RowSteps steps = steps_with(0);
  EXPECT_TRUE(steps.gradients.empty() && steps.layers.empty() && steps.ranks.empty());
}

TEST_F(RecorderTest, rank_times_are_those_of_the_step_they_belong_to) {
  recorder_.record(measurement(12, 2.5));
  const RunFile file = finish();
  ASSERT_EQ(file.rank_times.size(), 1U);
  EXPECT_EQ(file.rank_times[0].step, 10);
  EXPECT_THAT(file.rank_times[0].step_s, testing::ElementsAre(0.5F, 0.75F));
  EXPECT_THAT(file.rank_times[0].comm_s, testing::ElementsAre(0.03125F, 0.25F));
}

// Own times 0.125 and 1.25 s: 1.8 times their median, which of two is the mean.
TEST_F(RecorderTest, a_rank_that_is_slow_three_times_in_a_row_is_named_once) {
  rank_times_ = {1.25, 1.125, 1.25, 0};
  log::configure(0, kRanks, log::Level::warn);
  testing::internal::CaptureStderr();
  for (int64_t step = 1; step <= 52; ++step) recorder_.record(measurement(step, 2.5));
  const std::string printed = testing::internal::GetCapturedStderr();
  const RunFile file = finish();
  ASSERT_EQ(file.events.size(), 1U);
  EXPECT_EQ(file.events[0].kind, EventKind::slow_rank);
  EXPECT_EQ(file.events[0].step, 20);  // rows of 1, 10 and 20
  EXPECT_EQ(file.events[0].code, 1);
  EXPECT_EQ(file.events[0].text,
            "rank 1 on node08 is slow: 1.25 s a step without waiting, 1.8 times the median rank's "
            "688 ms");
  EXPECT_THAT(printed, testing::HasSubstr(file.events[0].text));
}

TEST_F(RecorderTest, non_finite_loss_is_left_out_flagged_and_an_event) {
  recorder_.record(skipped(1, kNan));
  const RunFile file = finish();
  EXPECT_EQ(file.steps[0].loss, std::nullopt);
  EXPECT_EQ(file.steps[0].grad_norm, std::nullopt);
  EXPECT_EQ(file.steps[0].loss_mean, std::nullopt);
  EXPECT_EQ(file.steps[0].flags, kStepSkipped);
  ASSERT_EQ(file.events.size(), 1U);
  EXPECT_EQ(file.events[0].kind, EventKind::nan);
  EXPECT_EQ(file.events[0].step, 1);
  EXPECT_THAT(file.events[0].text, testing::HasSubstr("9 non-finite gradient elements"));
}

TEST_F(RecorderTest, non_finite_gradient_keeps_the_loss_but_not_in_the_running_mean) {
  recorder_.record(measurement(1, 2.0));
  recorder_.record(skipped(2, 8.0));
  recorder_.record(measurement(3, 3.0));
  const RunFile file = finish();
  EXPECT_EQ(file.steps[1].loss, 8.0F);
  EXPECT_EQ(file.steps[1].flags, kStepSkipped);
  EXPECT_EQ(file.steps[2].loss_mean, 2.5F);
  ASSERT_EQ(file.events.size(), 1U);
  EXPECT_EQ(file.events[0].kind, EventKind::skipped_step);
}

TEST_F(RecorderTest, gradients_are_recorded_without_the_loss_scale) {
  config_.precision = Precision::fp16;
  for (double& value : extremes_) value *= 1024;
  for (std::size_t i = 0; i < sums_.size(); ++i) sums_[i] *= i % 3 == 1 ? 1024 * 1024 : 1024;
  StepMeasurement scaled = measurement(1, 2.5);
  scaled.readback.output.loss_scale = 1024;
  recorder_.record(scaled);
  const RunFile file = finish();
  EXPECT_EQ(file.steps[0].loss_scale, 1024.0F);
  EXPECT_EQ(file.gradients[0].norm, 6.0F);
  EXPECT_EQ(file.gradients[0].mean, 1.0F);
  EXPECT_EQ(file.gradients[0].min, -3.0F);
  EXPECT_EQ(file.gradients[0].max, 2.0F);
  EXPECT_THAT(file.layer_norms[0].gradient, testing::ElementsAre(2.0F, 5.0F, std::sqrt(7.0F)));
}

TEST_F(RecorderTest, every_change_of_the_loss_scale_is_an_event) {
  config_.precision = Precision::fp16;
  for (int64_t step = 1; step <= 4; ++step) {
    StepMeasurement scaled = measurement(step, 2.5);
    scaled.readback.output.loss_scale = step < 3 ? 65536 : 32768;
    recorder_.record(scaled);
  }
  const RunFile file = finish();
  ASSERT_EQ(file.events.size(), 1U);
  EXPECT_EQ(file.events[0].kind, EventKind::loss_scale);
  EXPECT_EQ(file.events[0].step, 3);
  EXPECT_EQ(file.events[0].text, "loss scale 32768, was 65536");
}

TEST_F(RecorderTest, without_fp16_there_is_no_loss_scale) {
  recorder_.record(measurement(1, 2.5));
  EXPECT_EQ(finish().steps[0].loss_scale, std::nullopt);
}

TEST_F(RecorderTest, skipped_steps_are_counted_until_one_is_not) {
  for (int64_t step = 1; step <= 3; ++step) recorder_.record(skipped(step, kNan));
  EXPECT_EQ(recorder_.skipped_in_a_row(), 3);
  recorder_.record(measurement(4, 2.5));
  EXPECT_EQ(recorder_.skipped_in_a_row(), 0);
  EXPECT_EQ(recorder_.last_step(), 4);
}

// Under a dynamic loss scale an overflow skips the last step as it may skip any.
TEST_F(RecorderTest, a_skipped_last_step_is_an_end_like_any_other_in_fp16_only) {
  recorder_.record(skipped(1, 2.5));
  EXPECT_FALSE(recorder_.ended_finite());
  config_.precision = Precision::fp16;
  EXPECT_TRUE(recorder_.ended_finite());
  recorder_.record(skipped(2, kNan));
  EXPECT_FALSE(recorder_.ended_finite());
}

TEST_F(RecorderTest, z_loss_is_recorded_where_there_is_one) {
  StepMeasurement measured = measurement(1, 2.5);
  measured.readback.output.z_loss_sum = measured.readback.output.loss_sum / 5;
  recorder_.record(measured);
  config_.model.z_loss = 1e-4;
  measured.step = 2;
  recorder_.record(measured);
  const RunFile file = finish();
  EXPECT_EQ(file.steps.at(0).z_loss, std::nullopt);
  EXPECT_EQ(file.steps.at(1).z_loss, 0.5F);
}

TEST_F(RecorderTest, loss_far_above_the_running_mean_is_a_spike) {
  for (int64_t step = 1; step <= 20; ++step)
    recorder_.record(measurement(step, step % 2 == 0 ? 2.9 : 3.1));  // deviation 0.1
  recorder_.record(measurement(21, 3.5));
  recorder_.record(measurement(22, 4.5));
  const RunFile file = finish();
  EXPECT_EQ(file.steps[20].flags, 0U);
  EXPECT_EQ(file.steps[21].flags, kStepSpike);
  ASSERT_EQ(file.events.size(), 1U);
  EXPECT_EQ(file.events[0].kind, EventKind::spike);
  EXPECT_EQ(file.events[0].step, 22);
  EXPECT_THAT(file.events[0].text, testing::StartsWith("spike of the loss: 4.5000, "));
}

TEST_F(RecorderTest, with_spike_sigma_0_nothing_is_a_spike) {
  config_.health.spike_sigma = 0;
  for (int64_t step = 1; step <= 20; ++step)
    recorder_.record(measurement(step, step % 2 == 0 ? 2.9 : 3.1));
  recorder_.record(measurement(21, 1e6));
  const RunFile file = finish();
  EXPECT_EQ(file.steps[20].flags, 0U);
  EXPECT_TRUE(file.events.empty());
}

TEST_F(RecorderTest, the_rank_whose_loss_was_not_finite_first_is_named) {
  const std::vector<double> losses = {40, kNan};
  StepMeasurement step = skipped(3, kNan);
  step.readback.rank_losses = losses;
  recorder_.record(step);
  recorder_.record(skipped(4, kNan));
  EXPECT_EQ(recorder_.first_skipped().step, 3);
  EXPECT_THAT(recorder_.first_skipped().ranks, testing::ElementsAre(Suspect{1, "node08"}));
  const RunFile file = finish();
  EXPECT_THAT(file.events.at(0).text, testing::HasSubstr("loss of rank 1 on node08"));
  EXPECT_EQ(file.events[0].code, 1);
}

// Training itself has gone wrong, no rank.
TEST_F(RecorderTest, no_rank_is_named_when_the_loss_of_all_is_not_finite) {
  const std::vector<double> losses = {kNan, kNan};
  StepMeasurement step = skipped(3, kNan);
  step.readback.rank_losses = losses;
  recorder_.record(step);
  EXPECT_TRUE(recorder_.first_skipped().ranks.empty());
}

TEST_F(RecorderTest, a_run_that_stands_still_has_failed_and_says_why) {
  recorder_.record(measurement(1, 2.5));
  recorder_.record_stall(2, "training stands still: rank 1 on node08");
  const RunFile file = read_run_or_throw(path_);
  EXPECT_EQ(file.state, RunState::failed);
  EXPECT_EQ(file.steps.size(), 1U);
  ASSERT_EQ(file.events.size(), 1U);
  EXPECT_EQ(file.events[0].kind, EventKind::hang);
  EXPECT_EQ(file.events[0].step, 2);
  EXPECT_TRUE(file.closed_cleanly);
  recorder_.record(measurement(2, 2.5));  // the thread that trains may wake up
  EXPECT_EQ(read_run_or_throw(path_).steps.size(), 1U);
}

TEST_F(RecorderTest, steps_are_told_to_the_status_file) {
  StatusFile status(RunPlace{folder_.path(), "small"});
  status.claim(config_);
  recorder_.report_to(status);
  recorder_.record(measurement(1, 2.5));
  recorder_.record(skipped(2, 2.5));
  status.finish({7, "diverged"});
  const RunStatus written = read_run_status(folder_ / "small.status.json");
  EXPECT_EQ(written.step, 2);
  EXPECT_EQ(written.last_step, 100);
  EXPECT_EQ(written.skipped_steps, 1);
}

TEST_F(RecorderTest, evaluations_become_rows) {
  recorder_.record(measurement(1, 2.5));
  recorder_.record_evaluation(1, {.loss = 2.25, .n_tokens = 512, .seconds = 1.5});
  const RunFile file = finish();
  ASSERT_EQ(file.evals.size(), 1U);
  EXPECT_EQ(file.evals[0].loss, 2.25);
  EXPECT_EQ(file.evals[0].n_tokens, 512);
  EXPECT_EQ(file.evals[0].tokens, 32);
  EXPECT_EQ(file.evals[0].seconds, 1.5F);
}

// One step of 2 sequences, then 4; the measured sum of losses is that of 32 tokens.
TEST_F(RecorderTest, steps_on_a_batch_ramp_count_their_own_tokens) {
  config_.schedule.batch_ramp = BatchRamp{.start = 2, .increment = 2, .steps = 1};
  const std::filesystem::path path = folder_ / "ramp.s000.h5";
  const RunSchedule schedule(config_);
  Recorder recorder(config_, schedule, layout_, kRankInfos, {0, 1, 1, 2},
                    RunWriter(path, header_for(config_)));
  recorder.record(measurement(1, 2.5));
  recorder.record(measurement(2, 2.5));
  recorder.record_evaluation(2, {.loss = 2.25, .n_tokens = 512, .seconds = 1.5});
  recorder.finish(RunState::done);
  const RunFile file = read_run_or_throw(path);
  EXPECT_EQ(file.steps.at(0).tokens, 16);
  EXPECT_EQ(file.steps[0].loss, 5.0F);
  EXPECT_EQ(file.steps[0].tokens_per_s, 32.0F);
  EXPECT_EQ(file.steps.at(1).tokens, 48);
  EXPECT_EQ(file.steps[1].loss, 2.5F);
  EXPECT_EQ(file.evals.at(0).tokens, 48);
}

TEST_F(RecorderTest, without_a_file_it_counts_as_the_one_with_a_file) {
  Recorder other(config_, schedule_, layout_, kRankInfos, {0, 1, 1, 2}, std::nullopt);
  other.record(skipped(1, kNan));
  other.record_evaluation(1, {});
  other.record_event(EventKind::end, 1, 0, "");
  other.finish(RunState::done);
  EXPECT_EQ(other.skipped_in_a_row(), 1);
  EXPECT_EQ(other.last_step(), 1);
}

}  // namespace
}  // namespace isoflop
