// SPDX-License-Identifier: MIT
#include "run_samples.hpp"

#include <unistd.h>

namespace isoflop {

namespace fs = std::filesystem;

RunFolder::RunFolder() {
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  folder_ = fs::temp_directory_path() / (std::string("isoflop_run_") + test->test_suite_name() +
                                         "_" + test->name() + "_" + std::to_string(getpid()));
  fs::create_directories(folder_);
}

RunFolder::~RunFolder() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

RunHeader sample_header() {
  RunHeader header;
  header.identity = {.run_id = "tiny-1",
                     .segment = 2,
                     .resumed_from_step = 40,
                     .created = "2026-11-21T22:00:00Z",
                     .creator = "isoflop 0.1.0",
                     .git_commit = "0123abc",
                     .plan_sha256 = "feed",
                     .cluster = "testbed",
                     .slurm_job_id = "17",
                     .slurm_array_task_id = 3,
                     .slurm_restart_count = std::nullopt};
  header.config.model_name = "tiny";
  header.config.n_params = 1'000'000;
  header.config.n_params_nonembed = 900'000;
  header.config.n_params_active = 1'000'000;
  header.config.n_layer = 2;
  header.config.d_model = 64;
  header.config.n_head = 4;
  header.config.n_kv_head = 2;
  header.config.d_ff = 256;
  header.config.seq_len = 128;
  header.config.vocab_size = 257;
  header.config.global_batch_tokens = 1024;
  header.config.tokens_target = 20'000'000;
  header.config.steps_target = 19'532;
  header.config.precision = "fp32";
  header.config.optimizer = "adamw";
  header.config.lr_peak = 3e-4;
  header.config.seed = 1337;
  header.config.tokenizer = "bytes";
  header.config.data = "data/gcide";
  header.config.yaml = "model:\n  n_layer: 2  # comment kept\n";
  header.config.argv = {"trainer", "plan.yaml", "--set", "seed=1337"};
  header.layout = {.strategy = "fsdp",
                   .n_shard = 2,
                   .n_replica = 1,
                   .micro_batch_size = 4,
                   .grad_accum_steps = 1,
                   .recompute = "none"};
  header.hardware.world_size = 2;
  header.hardware.gpus_per_node = 2;
  header.hardware.gpu_name = "CPU";
  header.hardware.peak_flops = 1e11;
  header.hardware.peak_flops_source = "trainer bench";
  header.hardware.peak_flops_precision = "fp32";
  header.hardware.mem_capacity_gib = 8.0;
  header.hardware.driver = "none";
  header.hardware.nodes = {{0, "node1", 0, "GPU-a", "leaf1"}, {1, "node1", 1, "GPU-b", "leaf1"}};
  header.flops = {.model_flops_per_token = 6.5e6,
                  .formula = "6 N + attention",
                  .counts_attention = true,
                  .counts_embedding = false,
                  .model_flops_per_token_full_attention = 6.6e6,
                  .recompute_factor = 1.25};
  header.prediction.step_s = 0.5;
  header.prediction.mfu = 0.4;
  header.prediction.law = "chinchilla";
  header.unit_names = {"embedding", "block 0", "block 1"};
  return header;
}

StepRecord sample_step(int64_t step) {
  StepRecord record;
  const auto x = static_cast<float>(step);
  record.step = step;
  record.time = 1.7e9 + static_cast<double>(step) * 0.25;
  record.tokens = step * 1024;
  record.loss = 8.0F / x;
  record.lr = x * 1e-6F;
  record.grad_norm = x + 0.5F;
  record.step_s = 0.25F;
  record.mfu = 0.375F;
  if (step % 3 == 0) record.flags = kStepSpike;
  return record;
}

void expect_sample_steps(const RunFile& run, int64_t acknowledged) {
  ASSERT_GE(static_cast<int64_t>(run.steps.size()), acknowledged);
  for (std::size_t row = 0; row < run.steps.size(); ++row) {
    const StepRecord expected = sample_step(static_cast<int64_t>(row) + 1);
    ASSERT_EQ(run.steps[row].step, expected.step);
    ASSERT_EQ(run.steps[row].time, expected.time);
    ASSERT_EQ(run.steps[row].loss, expected.loss);
    ASSERT_EQ(run.steps[row].flags, expected.flags);
  }
}

UnreadableRun expect_unreadable(const fs::path& path) {
  const RunReadResult result = read_run(path);
  if (const auto* unreadable = std::get_if<UnreadableRun>(&result)) return *unreadable;
  ADD_FAILURE() << path << " was read";
  return {};
}

}  // namespace isoflop
