// SPDX-License-Identifier: MIT
#include "core/run/run_writer.hpp"

#include "core/base/error.hpp"
#include "run_samples.hpp"

#include <gmock/gmock.h>

#include <fstream>

namespace isoflop {
namespace {

using ::testing::HasSubstr;

class RunWriterTest : public RunFolder {};

TEST_F(RunWriterTest, header_comes_back_as_written) {
  const RunHeader header = sample_header();
  RunWriter(file("a.h5"), header).close();
  const RunHeader read = read_run_or_throw(file("a.h5")).header;
  EXPECT_EQ(read.identity.run_id, "tiny-1");
  EXPECT_EQ(read.identity.segment, 2);
  EXPECT_EQ(read.identity.resumed_from_step, 40);
  EXPECT_EQ(read.identity.slurm_array_task_id, 3);
  EXPECT_EQ(read.identity.slurm_restart_count, std::nullopt);
  EXPECT_EQ(read.config.n_params, 1'000'000);
  EXPECT_EQ(read.config.vocab_size, 257);
  EXPECT_EQ(read.config.lr_peak, 3e-4);
  EXPECT_EQ(read.config.yaml, header.config.yaml);
  EXPECT_EQ(read.config.argv, header.config.argv);
  EXPECT_EQ(read.layout.strategy, "fsdp");
  EXPECT_EQ(read.layout.n_shard, 2);
  EXPECT_EQ(read.hardware.peak_flops, 1e11);
  EXPECT_EQ(read.hardware.nccl_version, "");
  ASSERT_EQ(read.hardware.nodes.size(), 2U);
  EXPECT_EQ(read.hardware.nodes[1].gpu_uuid, "GPU-b");
  EXPECT_EQ(read.flops.counts_embedding, false);
  EXPECT_EQ(read.flops.recompute_factor, 1.25);
  EXPECT_EQ(read.prediction.step_s, 0.5);
  EXPECT_EQ(read.prediction.loss, std::nullopt);
  EXPECT_EQ(read.unit_names, header.unit_names);
}

TEST_F(RunWriterTest, every_kind_of_record_comes_back_as_written) {
  RunWriter writer(file("a.h5"), sample_header());
  writer.append(sample_step(1));
  writer.append(GradientRecord{.step = 1, .time = 5.0, .norm = 2.5F, .min = -1.0F, .nonfinite = 7});
  writer.append(LayerNormRecord{1, {1, 2, 3}, {4, 5, 6}, {7, 8, 9}});
  writer.append(EvalRecord{.step = 1,
                           .time = 6.0,
                           .tokens = 1024,
                           .set = EvalSet::test,
                           .loss = 3.25,
                           .n_tokens = 99,
                           .seconds = 0.5F});
  writer.append(RankTimesRecord{1, {0.25F, 0.5F}, {0.125F, 0.0F}});
  writer.append(SystemRecord{.time = 7.0, .rank = 1, .power_w = 350.0F, .net_tx = 1e12});
  writer.append(
      CheckpointRecord{.step = 1, .time = 8.0, .bytes = 1 << 30, .ok = true, .path = "c/1"});
  writer.append(RunEvent{9.0, 1, EventKind::preempt, 15, "SIGTERM"});
  writer.set_state(RunState::done);
  writer.close();

  const RunFile run = read_run_or_throw(file("a.h5"));
  EXPECT_EQ(run.state, RunState::done);
  EXPECT_TRUE(run.closed_cleanly);
  EXPECT_EQ(run.unwritten_rows, 0);
  expect_sample_steps(run, 1);
  EXPECT_EQ(run.steps[0].forward_s, std::nullopt);
  ASSERT_EQ(run.gradients.size(), 1U);
  EXPECT_EQ(run.gradients[0].nonfinite, 7);
  EXPECT_EQ(run.gradients[0].min, -1.0F);
  EXPECT_EQ(run.gradients[0].max, std::nullopt);
  ASSERT_EQ(run.layer_norms.size(), 1U);
  EXPECT_EQ(run.layer_norms[0].update, (std::vector<float>{7, 8, 9}));
  ASSERT_EQ(run.evals.size(), 1U);
  EXPECT_EQ(run.evals[0].set, EvalSet::test);
  EXPECT_EQ(run.evals[0].loss, 3.25);
  ASSERT_EQ(run.rank_times.size(), 1U);
  EXPECT_EQ(run.rank_times[0].step_s, (std::vector<float>{0.25F, 0.5F}));
  EXPECT_EQ(run.rank_times[0].comm_s, (std::vector<float>{0.125F, 0.0F}));
  ASSERT_EQ(run.system.size(), 1U);
  EXPECT_EQ(run.system[0].net_tx, 1e12);
  EXPECT_EQ(run.system[0].temp_c, std::nullopt);
  ASSERT_EQ(run.checkpoints.size(), 1U);
  EXPECT_TRUE(run.checkpoints[0].ok);
  EXPECT_EQ(run.checkpoints[0].path, "c/1");
  ASSERT_EQ(run.events.size(), 1U);
  EXPECT_EQ(run.events[0].kind, EventKind::preempt);
  EXPECT_EQ(run.events[0].text, "SIGTERM");
}

TEST_F(RunWriterTest, rows_over_several_chunks_keep_their_order) {
  RunWriter writer(file("a.h5"), sample_header());
  for (int64_t step = 1; step <= 1000; ++step) {
    writer.append(sample_step(step));
    writer.append(LayerNormRecord{step, {0, 1, 2}, {3, 4, 5}, {6, 7, static_cast<float>(step)}});
    if (step % 77 == 0) writer.flush();
  }
  writer.close();
  const RunFile run = read_run_or_throw(file("a.h5"));
  EXPECT_EQ(run.steps.size(), 1000U);
  expect_sample_steps(run, 1000);
  ASSERT_EQ(run.layer_norms.size(), 1000U);
  EXPECT_EQ(run.layer_norms[999].step, 1000);
  EXPECT_EQ(run.layer_norms[999].update[2], 1000.0F);
}

TEST_F(RunWriterTest, short_run_takes_less_than_64_kib) {
  RunWriter writer(file("a.h5"), sample_header());
  writer.append(sample_step(1));
  writer.append(RunEvent{1.0, 0, EventKind::start, 0, ""});
  writer.close();
  EXPECT_LT(std::filesystem::file_size(file("a.h5")), 64U * 1024U);
}

TEST_F(RunWriterTest, never_overwrites_a_file_with_contents) {
  std::ofstream(file("a.h5")) << "precious";
  try {
    RunWriter(file("a.h5"), sample_header());
    FAIL() << "overwrote";
  } catch (const FileError& error) {
    EXPECT_THAT(error.what(), HasSubstr("a.h5: exists and is not empty"));
  }
  EXPECT_EQ(std::filesystem::file_size(file("a.h5")), 8U);
}

TEST_F(RunWriterTest, missing_folder_is_a_file_error_with_the_path) {
  try {
    RunWriter(file("no/such/a.h5"), sample_header());
    FAIL() << "created";
  } catch (const FileError& error) {
    EXPECT_THAT(error.what(), HasSubstr("no/such/a.h5: cannot open for writing (No such file"));
  }
}

TEST_F(RunWriterTest, refuses_rows_after_close) {
  RunWriter writer(file("a.h5"), sample_header());
  writer.close();
  writer.close();
  EXPECT_THROW(writer.append(sample_step(1)), std::logic_error);
}

TEST_F(RunWriterTest, refuses_matrix_rows_of_the_wrong_width) {
  RunWriter writer(file("a.h5"), sample_header());
  EXPECT_THROW(writer.append(RankTimesRecord{1, {0.5F}, {0.5F, 0.5F}}), std::invalid_argument);
  EXPECT_THROW(writer.append(RankTimesRecord{1, {0.5F, 0.5F}, {}}), std::invalid_argument);
  EXPECT_THROW(writer.append(LayerNormRecord{1, {1, 2, 3}, {1, 2}, {1, 2, 3}}),
               std::invalid_argument);
}

TEST_F(RunWriterTest, destructor_closes_the_file_and_leaves_its_state) {
  { RunWriter(file("a.h5"), sample_header()).append(sample_step(1)); }
  const RunFile run = read_run_or_throw(file("a.h5"));
  EXPECT_TRUE(run.closed_cleanly);
  EXPECT_EQ(run.state, RunState::running);
  expect_sample_steps(run, 1);
}

}  // namespace
}  // namespace isoflop
