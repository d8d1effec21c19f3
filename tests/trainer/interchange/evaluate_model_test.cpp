// SPDX-License-Identifier: MIT
// Runs on 1, 2 and 4 ranks.
#include "trainer/interchange/evaluate_model.hpp"

#include "core/base/error.hpp"
#include "shared_folder.hpp"
#include "support/error_matchers.hpp"
#include "tiny_training.hpp"

#include <cmath>
#include <numbers>

namespace isoflop {
namespace {

namespace fs = std::filesystem;
using test::message_of;
using testing::HasSubstr;

Launch& job() {
  static const std::unique_ptr<Launch> launch = make_launch(nullptr, nullptr);
  return *launch;
}

/// A model after one step, and data whose validation split has 24 windows of 8 tokens and 7 more.
class EvaluateModel : public testing::Test {
 protected:
  EvaluateModel() {
    config_ = test::tiny_config(test::tiny_llama(), data_.folder());
    config_.run.out = folder_.path();
    config_.eval.sequences = 1000;
    Session session = test::make_session(config_, job(), make_cpu_backend({}));
    enqueue_step(session, 1);
    session.io().wait(1);
    session.checkpoints().save_last(1);
    result_ = session.evaluate();
  }
  EvaluateRequest request() const {
    return {.checkpoint = config_.checkpoint_folder(),
            .data = data_.folder(),
            .batch_size = 2,
            .device = DeviceKind::cpu};
  }

  test::TinyData data_;
  test::SharedFolder folder_{job()};
  TrainConfig config_;
  EvalResult result_;  ///< of the whole windows, as training finds it
};

/// The same products in batches of other sizes.
constexpr double kTolerance = 1e-6;

TEST_F(EvaluateModel, of_whole_windows_gives_training_s_loss) {
  EvaluateRequest whole = request();
  whole.max_tokens = 24 * 8;
  const ModelEvaluation evaluation = evaluate_model(whole, job());
  EXPECT_EQ(evaluation.n_tokens, result_.n_tokens);
  EXPECT_NEAR(evaluation.loss, result_.loss, kTolerance);
  EXPECT_EQ(evaluation.step, 1);
}

TEST_F(EvaluateModel, predicts_every_token_but_the_first) {
  const ModelEvaluation evaluation = evaluate_model(request(), job());
  EXPECT_EQ(evaluation.n_tokens, 199);
  EXPECT_NEAR(evaluation.loss, result_.loss, 0.1);
  EXPECT_NE(evaluation.loss, result_.loss);
  EXPECT_DOUBLE_EQ(evaluation.perplexity, std::exp(evaluation.loss));
  // the tiny dataset says that each token is a byte
  EXPECT_DOUBLE_EQ(evaluation.bits_per_byte.value(), evaluation.loss / std::numbers::ln2);
}

TEST_F(EvaluateModel, takes_the_split_and_the_length_that_are_asked_for) {
  EvaluateRequest train = request();
  train.split = Split::train;
  train.seq_len = 4;
  train.max_tokens = 9;
  const ModelEvaluation evaluation = evaluate_model(train, job());
  EXPECT_EQ(evaluation.n_tokens, 12);
  EXPECT_EQ(evaluation.seq_len, 4);
}

TEST_F(EvaluateModel, longer_windows_than_the_model_has_positions_are_refused) {
  EvaluateRequest wrong = request();
  wrong.seq_len = 9;
  const std::string message = message_of<Error>([&] { evaluate_model(wrong, job()); });
  if (job().info().rank == 0) {
    EXPECT_THAT(message, HasSubstr("--seq-len is '9' (the model has positions up to 8)"));
  }
}

}  // namespace
}  // namespace isoflop
