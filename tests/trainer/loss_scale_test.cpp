// SPDX-License-Identifier: MIT
// Dynamic loss scaling of precision fp16 through whole steps.
#include "tiny_training.hpp"
#include "trainer/telemetry/recorder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace isoflop {
namespace {

using Outputs = std::vector<StepState::Output>;

class LossScale : public testing::Test {
 protected:
  Outputs run(Backend backend) {
    Session session = test::make_session(config_, alone_, std::move(backend));
    Outputs outputs;
    for (int64_t step = 1; step <= config_.schedule.steps; ++step) {
      enqueue_step(session, step);
      outputs.push_back(session.io().wait(step).output);
    }
    return outputs;
  }
  Outputs run_in_f64(Precision precision) {
    config_.precision = precision;
    return run(make_reference_backend({}));
  }
  Outputs run_in_f16() { return run(make_cpu_backend({}, Precision::fp16)); }
  double loss(const StepState::Output& output) const {
    return output.loss_sum / static_cast<double>(config_.tokens_per_step());
  }

  SingleLaunch alone_{"here"};
  test::TinyData data_;
  TrainConfig config_ = [this] {
    TrainConfig config = test::tiny_config(test::tiny_llama(), data_.folder());
    config.precision = Precision::fp16;
    return config;
  }();
};

// Powers of two round nothing: the scale is out of norm, clipping and both updates again.
TEST_F(LossScale, changes_no_bit_of_a_run_in_f64) {
  for (const OptimizerKind kind : {OptimizerKind::adamw, OptimizerKind::muon}) {
    config_.optimizer.kind = kind;
    const Outputs scaled = run_in_f64(Precision::fp16), plain = run_in_f64(Precision::fp32);
    for (std::size_t i = 0; i < plain.size(); ++i) {
      EXPECT_EQ(scaled[i].loss_sum, plain[i].loss_sum) << i;
      EXPECT_EQ(scaled[i].grad_norm, plain[i].grad_norm) << i;
      EXPECT_EQ(scaled[i].clip_scale, plain[i].clip_scale / 65536) << i;
    }
  }
}

TEST_F(LossScale, stays_1_without_fp16) {
  for (const StepState::Output& output : run_in_f64(Precision::bf16))
    EXPECT_EQ(output.loss_scale, 1);
}

TEST_F(LossScale, doubles_after_the_interval) {
  config_.loss_scale = {.initial = 1024, .growth_interval = 3};
  config_.schedule.steps = 7;
  std::vector<double> scales;
  for (const StepState::Output& output : run_in_f16()) scales.push_back(output.loss_scale);
  EXPECT_THAT(scales, testing::ElementsAre(1024, 1024, 1024, 2048, 2048, 2048, 4096));
}

// With 2^24 the gradient of one of 64 tokens' logits is 2^18 x (p - 1): beyond f16's 65504.
TEST_F(LossScale, halves_until_nothing_overflows_and_trains_from_there) {
  config_.loss_scale.initial = 0x1p24;
  const Outputs outputs = run_in_f16();
  std::size_t n_skipped = 0;
  while (n_skipped < outputs.size() && outputs[n_skipped].skip != 0) ++n_skipped;
  ASSERT_GT(n_skipped, 1U);
  ASSERT_LT(n_skipped, 10U);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    EXPECT_EQ(outputs[i].loss_scale, std::ldexp(1, 24 - static_cast<int>(std::min(i, n_skipped))));
    EXPECT_EQ(outputs[i].skip, i < n_skipped);
    EXPECT_EQ(outputs[i].nonfinite > 0, i < n_skipped);
  }
  EXPECT_LT(loss(outputs.back()), loss(outputs.front()) - 0.1);
}

// What AdamW's bias corrections count, so that skipped steps do not shrink the first updates.
TEST_F(LossScale, only_steps_that_are_not_skipped_count_as_updates) {
  config_.loss_scale.initial = 0x1p24;
  Session session = test::make_session(config_, alone_, make_cpu_backend({}, Precision::fp16));
  int64_t n_skipped = 0;
  for (int64_t step = 1; step <= config_.schedule.steps; ++step) {
    enqueue_step(session, step);
    n_skipped += session.io().wait(step).output.skip;
  }
  EXPECT_GT(n_skipped, 1);
  EXPECT_EQ(session.io().state()->n_update, config_.schedule.steps - n_skipped);
}

// Losses up to the first step that is not skipped are those of a model that does not move.
TEST_F(LossScale, skipped_steps_leave_the_parameters_alone) {
  config_.loss_scale.initial = 0x1p24;
  const Outputs trained = run_in_f16();
  config_.optimizer.lr = 1e-30;
  const Outputs still = run_in_f16();
  std::size_t step = 0;
  for (; trained[step].skip != 0; ++step) EXPECT_EQ(trained[step].loss_sum, still[step].loss_sum);
  EXPECT_EQ(trained[step].loss_sum, still[step].loss_sum);
  EXPECT_NE(trained[step + 1].loss_sum, still[step + 1].loss_sum);
}

// f16 has 11 bits: 5e-4 of a value. Losses of 4 differ by up to 1.2e-4 with AdamW and 6.5e-4 with
// Muon in these 20 steps.
TEST_F(LossScale, a_run_in_fp16_follows_the_losses_of_fp32) {
  for (const OptimizerKind kind : {OptimizerKind::adamw, OptimizerKind::muon}) {
    config_.optimizer.kind = kind;
    config_.precision = Precision::fp16;
    const Outputs fp16 = run_in_f16();
    config_.precision = Precision::fp32;
    const Outputs fp32 = run(make_cpu_backend({}));
    EXPECT_LT(loss(fp32.back()), loss(fp32.front()) - 0.3);
    double largest = 0;
    for (std::size_t i = 0; i < fp32.size(); ++i)
      largest = std::max(largest, std::abs(loss(fp16[i]) - loss(fp32[i])));
    EXPECT_LT(largest, 2e-3);
  }
}

// Step 1 is trained, at 2^-13; then nothing is finite any more: 2^-13, 2^-14, and the step at 2^-15
// is the end (the next is on its way), long before twenty skipped steps.
TEST_F(LossScale, below_its_floor_is_divergence) {
  config_.optimizer.lr = 1e30;
  config_.schedule = {.steps = 100, .warmup_steps = 0};
  Session session = test::make_session(config_, alone_, make_cpu_backend({}, Precision::fp16));
  session.io().set_loss_scale({.scale = 0x1p-13});
  Recorder recorder(session.config(), session.schedule(), session.layout(), alone_.ranks(),
                    session.unit_of_tensor(), {});
  EXPECT_EQ(train(session, recorder), TrainEnd::diverged);
  EXPECT_EQ(recorder.last_step(), 5);
}

}  // namespace
}  // namespace isoflop
