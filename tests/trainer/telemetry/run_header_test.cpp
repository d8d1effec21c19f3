// SPDX-License-Identifier: MIT
#include "trainer/telemetry/run_header.hpp"

#include "tiny_training.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace isoflop {
namespace {

class RunHeaderTest : public testing::Test {
 protected:
  void TearDown() override {
    for (const char* const name : {"SLURM_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_RESTART_COUNT"})
      unsetenv(name);
  }
  RunHeader header() const {
    return make_run_header({.config = config_,
                            .layout = layout_,
                            .flat_layout = make_flat_layout(config_.model, 2),
                            .ranks = rank_infos({"n1", "n2"}),
                            .device_description = "CPU, 1 thread",
                            .tokenizer = "bytes",
                            .argv = {"trainer", "a.yaml"},
                            .config_yaml = "run: {}"});
  }
  TrainConfig config_ = test::tiny_config(test::tiny_llama(), "some/data");
  Layout layout_{.strategy = ParallelStrategy::fsdp,
                 .n_shard = 2,
                 .micro_batch_size = 1,
                 .grad_accum_steps = 4};
};

// Parameters: embedding 61 x 16; a block (4 + 2 x 2) x 4 x 16 qkv, 16 x 16 out, 3 x 24 x 16 ffn, 32
// norms; head 16 + 61 x 16.
TEST_F(RunHeaderTest, says_what_is_trained) {
  const RunConfig config = header().config;
  EXPECT_EQ(config.n_params_nonembed, 2 * (512 + 256 + 1152 + 32) + 16);
  EXPECT_EQ(config.n_params, config.n_params_nonembed + 2 * 976);
  EXPECT_EQ(config.n_params_active, config.n_params);
  EXPECT_EQ(config.n_kv_head, 2);
  EXPECT_EQ(config.global_batch_tokens, 64);
  EXPECT_EQ(config.tokens_target, 20 * 64);
  EXPECT_EQ(config.steps_target, 20);
  EXPECT_EQ(config.precision, "fp32");
  EXPECT_EQ(config.tokenizer, "bytes");
  EXPECT_EQ(config.data, "some/data");
  EXPECT_EQ(config.yaml, "run: {}");
  EXPECT_THAT(config.argv, testing::ElementsAre("trainer", "a.yaml"));
}

TEST_F(RunHeaderTest, names_the_optimizer) {
  EXPECT_EQ(header().config.optimizer, "adamw");
  config_.optimizer.kind = OptimizerKind::muon;
  EXPECT_EQ(header().config.optimizer, "muon");
}

TEST_F(RunHeaderTest, says_how_it_is_spread) {
  const RunHeader made = header();
  EXPECT_EQ(made.layout.strategy, "fsdp");
  EXPECT_EQ(made.layout.n_shard, 2);
  EXPECT_EQ(made.layout.grad_accum_steps, 4);
  EXPECT_EQ(made.hardware.world_size, 2);
  EXPECT_EQ(made.hardware.gpus_per_node, 1);
  ASSERT_EQ(made.hardware.nodes.size(), 2U);
  EXPECT_EQ(made.hardware.nodes[1].node, "n2");
  EXPECT_THAT(made.unit_names, testing::SizeIs(4));
}

TEST_F(RunHeaderTest, unknown_peak_and_prediction_stay_absent) {
  const RunHeader made = header();
  EXPECT_EQ(made.hardware.gpu_name, "CPU, 1 thread");
  EXPECT_EQ(made.hardware.peak_flops, std::nullopt);
  EXPECT_EQ(made.prediction.step_s, std::nullopt);
  EXPECT_EQ(made.prediction.loss, std::nullopt);
}

TEST_F(RunHeaderTest, known_peak_and_prediction_are_kept) {
  config_.device.name = "node";
  config_.device.peak_tflops = 0.25;
  config_.prediction = Prediction{.cluster = "here",
                                  .step_s = 0.5,
                                  .mfu = 0.4,
                                  .memory_gib = 2,
                                  .wall_s = 10,
                                  .loss = 1.5,
                                  .loss_law = "law"};
  const RunHeader made = header();
  EXPECT_EQ(made.hardware.gpu_name, "node");
  EXPECT_EQ(made.hardware.peak_flops, 0.25e12);
  EXPECT_EQ(made.identity.cluster, "here");
  EXPECT_EQ(made.prediction.tokens_per_s, 128.0);
  EXPECT_EQ(made.prediction.mem_peak_gib, 2.0);
  EXPECT_EQ(made.prediction.loss, 1.5);
}

// 6 x (2 x (512 + 256 + 1152) + 976) weights + 6 x 2 layers x 16 x 8 causal attention.
TEST_F(RunHeaderTest, flops_are_those_of_causal_attention) {
  const RunFlops flops = header().flops;
  EXPECT_EQ(flops.model_flops_per_token, 6 * 4816 + 1536);
  EXPECT_EQ(flops.model_flops_per_token_full_attention, 6 * 4816 + 2 * 1536);
  EXPECT_EQ(flops.recompute_factor, 1.0);
}

// Full, one of two blocks, causal scores of 8 tokens: 2 x (512 + 256 + 2/3 x 1152) + 2 x 16 x 8.
TEST_F(RunHeaderTest, recomputation_is_told_in_words_and_in_flops) {
  layout_.recompute = Recompute::full;
  EXPECT_EQ(header().layout.recompute, "full");
  EXPECT_DOUBLE_EQ(header().flops.recompute_factor, 1 + (2 * 1536 + 256) / (6 * 4816 + 1536.0));
  layout_.recompute = RecomputePlan({{1, 1, {BlockPart::norms, BlockPart::attention}}});
  EXPECT_EQ(header().layout.recompute, "selective (norms, attention) for block 1");
  EXPECT_EQ(header().flops.recompute_factor, 1.0);
}

TEST_F(RunHeaderTest, slurms_job_is_named_and_numbers_that_are_none_are_left_out) {
  setenv("SLURM_JOB_ID", "4711", 1);
  setenv("SLURM_ARRAY_TASK_ID", "3", 1);
  setenv("SLURM_RESTART_COUNT", "many", 1);
  const RunIdentity identity = header().identity;
  EXPECT_EQ(identity.slurm_job_id, "4711");
  EXPECT_EQ(identity.slurm_array_task_id, 3);
  EXPECT_EQ(identity.slurm_restart_count, std::nullopt);
}

}  // namespace
}  // namespace isoflop
