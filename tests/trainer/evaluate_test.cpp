// SPDX-License-Identifier: MIT
// Runs on 1, 2 and 4 ranks.
#include "trainer/evaluate.hpp"

#include "tiny_training.hpp"

#include <gtest/gtest.h>

#include <array>

namespace isoflop {
namespace {

/// Mean loss of the first `n` validation windows, one after the other on this rank alone.
double loss_one_by_one(const TrainConfig& config, int64_t n) {
  SingleLaunch alone("here");
  TrainConfig one_by_one = config;
  one_by_one.layout.micro_batch_size = 1;
  one_by_one.layout.strategy = ParallelStrategy::ddp;
  Session session = test::make_session(one_by_one, alone, make_reference_backend({}));
  const TokenWindows windows({.folder = config.data.path,
                              .split = Split::val,
                              .seq_len = config.data.seq_len,
                              .model_vocab_size = config.model.vocab_size});
  BatchLoader loader(*session.backend().device, {1, config.data.seq_len, Recompute::none});
  double sum = 0;
  for (int64_t window = 0; window < n; ++window) {
    std::array<double, 2> loss_sums{};  // loss, z-loss
    const Batch batch = loader.load([&](std::span<int32_t> inputs, std::span<int32_t> targets) {
      windows.read(window, inputs, targets);
    });
    session.model().forward(batch);
    session.model().loss(batch, {loss_sums.data(), DType::f64, {2}});
    sum += loss_sums[0];
  }
  return sum / static_cast<double>(n * config.data.seq_len);
}

class Evaluation : public testing::Test {
 protected:
  /// Of the initial model; deferred, so that nothing but events orders the passes.
  EvalResult evaluate() {
    Session session = test::make_session(config_, *job_,
                                         make_reference_backend({.mode = CpuStreamMode::deferred}));
    return session.evaluate();
  }
  const std::unique_ptr<Launch> job_ = make_launch(nullptr, nullptr);
  test::TinyData data_{1000, 200};  // 24 validation windows of 8 tokens
  TrainConfig config_ = test::tiny_config(test::tiny_llama(), data_.folder());
};

constexpr double kTolerance = 1e-12;  // f64 sums in another order

TEST_F(Evaluation, loss_is_the_mean_over_the_windows) {
  config_.eval.sequences = 16;
  const EvalResult result = evaluate();
  EXPECT_EQ(result.n_tokens, 16 * 8);
  EXPECT_NEAR(result.loss, loss_one_by_one(config_, 16), kTolerance);
}

TEST_F(Evaluation, windows_need_not_fill_the_last_round_of_all_ranks) {
  config_.layout.micro_batch_size = 2;
  for (const int64_t n : {1, 3, 11, 13}) {
    config_.eval.sequences = n;
    const EvalResult result = evaluate();
    EXPECT_EQ(result.n_tokens, n * 8);
    EXPECT_NEAR(result.loss, loss_one_by_one(config_, n), kTolerance) << n;
  }
}

TEST_F(Evaluation, fewer_windows_than_asked_for_are_all_used) {
  config_.eval.sequences = 1000;
  const EvalResult result = evaluate();
  EXPECT_EQ(result.n_tokens, 24 * 8);
  EXPECT_NEAR(result.loss, loss_one_by_one(config_, 24), kTolerance);
}

TEST_F(Evaluation, sharded_parameters_give_the_same_loss) {
  config_.layout.strategy = ParallelStrategy::fsdp;
  config_.eval.sequences = 11;
  EXPECT_NEAR(evaluate().loss, loss_one_by_one(config_, 11), kTolerance);
}

TEST_F(Evaluation, leaves_training_as_it_was) {
  const auto loss_after = [&](bool evaluating) {
    Session session = test::make_session(config_, *job_, make_cpu_backend({}));
    for (int64_t step = 1; step <= 3; ++step) {
      enqueue_step(session, step);
      session.io().wait(step);
      if (evaluating) session.evaluate();
    }
    return session.io().wait(3).output.loss_sum;
  };
  EXPECT_EQ(loss_after(true), loss_after(false));
}

}  // namespace
}  // namespace isoflop
