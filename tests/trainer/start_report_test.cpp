// SPDX-License-Identifier: MIT
#include "trainer/start_report.hpp"

#include "tiny_training.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using testing::HasSubstr;
using testing::Not;

class StartReport : public testing::Test {
 protected:
  StartReport() {
    config_.device.name = "box";
    config_.device.peak_tflops = 0.5;
    config_.device.peak_source = "measured";
  }
  std::vector<std::string> lines(int n_rank = 1) const {
    const std::vector<std::string> hosts(static_cast<std::size_t>(n_rank), "node1");
    return start_report(prepare(config_, n_rank), make_cpu_backend({}), rank_infos(hosts));
  }
  /// Words with one blank between them, so that it does not matter where lines are wrapped.
  std::string text(int n_rank = 1) const {
    std::string joined = fmt::format("{}", fmt::join(lines(n_rank), " "));
    for (std::size_t at = 0; (at = joined.find("  ")) != std::string::npos;) joined.erase(at, 1);
    return joined;
  }

  test::TinyData data_;
  TrainConfig config_ = test::tiny_config(test::tiny_llama(), data_.folder());
};

TEST_F(StartReport, fits_beside_the_time_into_100_columns) {
  for (const std::string& line : lines(4)) {
    if (line.find("/tmp") == std::string::npos) {  // paths are not broken
      EXPECT_LE(line.size(), 89U) << line;
    }
  }
}

TEST_F(StartReport, names_the_architecture) {
  const std::string report = text();
  EXPECT_THAT(report, HasSubstr("model 2L-4H-16D-RoPE-RMS-SwiGLU-PreNorm"));
  EXPECT_THAT(report, HasSubstr("2 layers, d_model 16, 4 heads of 4 on 2 of keys and values, d_ff "
                                "24 SwiGLU, vocabulary 61"));
  EXPECT_THAT(report, HasSubstr("positions rope (theta 10000) up to 8, rmsnorm before sub-layers, "
                                "output projection untied, attention "));
  config_.model = test::tiny_gpt2();
  EXPECT_THAT(text(), HasSubstr("4 heads of 4, d_ff 24 GELU, vocabulary 61"));
  EXPECT_THAT(text(), HasSubstr("positions learned_absolute up to 8, layernorm before"));
  EXPECT_THAT(text(), HasSubstr(", biases"));
}

// Tables 2 x 61 x 16 = 1,952; blocks 2 x (16 x 32 + 16 x 16 + 3 x 16 x 24 + 2 x 16) = 3,904; final
// norm 16.
TEST_F(StartReport, counts_parameters) {
  EXPECT_THAT(text(),
              HasSubstr("parameters 5,872 in total, 5,872 trainable, 3,920 without embeddings"));
}

TEST_F(StartReport, tells_how_it_trains) {
  const std::string report = text();
  EXPECT_THAT(report, HasSubstr("training 20 steps x 64 tokens = 1.28 k tokens (0.2 a parameter), "
                                "seq_len 8"));
  EXPECT_THAT(report, HasSubstr("adamw, betas 0.9 and 0.95, weight decay 0.1"));
  EXPECT_THAT(report, HasSubstr("peak lr 1.00e-02, warm-up 2 steps, cosine to 10 %, gradients "
                                "clipped at 1"));
  EXPECT_THAT(report, HasSubstr("precision fp32"));
}

// 2 x (3,840 + 976) matrix parameters + 2 n_layer n_head d_head seq_len = 9,632 + 512 forward,
// thrice that in training; twice the attention without causality. 1 TFLOP/s of both ranks / 30,432.
TEST_F(StartReport, works_out_what_the_hardware_could_do) {
  const std::string report = text(2);
  EXPECT_THAT(report, HasSubstr("hardware 2 ranks on 1 host (node1), each: CPU, 1 thread"));
  EXPECT_THAT(report, HasSubstr("peak 0.5 TFLOP/s fp32 dense a rank (measured), 1 of all"));
  EXPECT_THAT(report, HasSubstr("flops 30.4 kFLOP a token: forward 10.1 kFLOP, backward 20.3 "
                                "kFLOP by 6 x matmul parameters"));
  EXPECT_THAT(report, HasSubstr("full square of attention, as most tables: 32 kFLOP"));
  EXPECT_THAT(report, HasSubstr("at 100 % MFU: 32.9 M tokens/s, all 1.28 k tokens in 39.0 us"));
}

TEST_F(StartReport, without_a_peak_nothing_is_worked_out_from_it) {
  config_.device.peak_tflops.reset();
  EXPECT_THAT(text(), HasSubstr("peak unknown, MFU is not reported (set device.peak_tflops)"));
  EXPECT_THAT(text(), Not(HasSubstr("100 % MFU")));
}

TEST_F(StartReport, expects_only_what_a_plan_predicted) {
  EXPECT_THAT(text(), Not(HasSubstr("expected")));
  config_.prediction = Prediction{.cluster = "testbed",
                                  .step_s = 0.5,
                                  .mfu = 0.25,
                                  .memory_gib = 1,
                                  .wall_s = 12,
                                  .loss = 2.5,
                                  .loss_law = "a law"};
  EXPECT_THAT(text(), HasSubstr("expected 128 tokens/s, 500 ms a step, MFU 25.0 % (the plan for "
                                "testbed) 12.0 s in all, loss 2.500 (a law)"));
}

}  // namespace
}  // namespace isoflop
