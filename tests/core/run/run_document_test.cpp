// SPDX-License-Identifier: MIT
// The document against the rows of the HDF5 files it is made from, through a JSON parser.
#include "core/run/run_document.hpp"

#include "core/base/text_file.hpp"
#include "run_samples.hpp"

#include <nlohmann/json.hpp>

#include <utility>
#include <vector>

namespace isoflop {
namespace {

using nlohmann::json;

json parsed(const TrainingRun& run) {
  std::string text;
  write_run_document(run, [&](std::string_view piece) { text += piece; });
  return json::parse(text);
}

GradientRecord sample_gradients(int64_t step) {
  GradientRecord record;
  record.step = step;
  record.time = 1.7e9;
  record.mean = 0.1F;
  record.std = 0.2F;
  return record;
}

LayerNormRecord sample_norms(int64_t step) {
  const auto x = static_cast<float>(step);
  return {step, {x, x + 1, x + 2}, {0.5F, 0.25F, 0.1F}, {1e-3F, 2e-3F, 3e-3F}};
}

/// Two starts: steps 1-20 with an evaluation, and from step 10 on 11-30 with a checkpoint;
/// gradients at every fifth step.
class RunDocument : public RunFolder {
 protected:
  std::filesystem::path write_segment(int32_t number, int64_t first, int64_t last) const {
    RunHeader header = sample_header();
    header.identity.segment = number;
    header.identity.resumed_from_step = first - 1;
    const std::filesystem::path path = file("tiny-1.s00" + std::to_string(number) + ".h5");
    RunWriter writer(path, header);
    for (int64_t step = first; step <= last; ++step) {
      StepRecord row = sample_step(step);
      row.mem_peak_gib = 1.5F;
      row.forward_s = 0.1F;
      writer.append(row);
      if (step % 5 != 0) continue;
      writer.append(sample_gradients(step));
      writer.append(sample_norms(step));
    }
    if (number == 0) {
      EvalRecord eval{.step = 8, .time = 1.7e9, .tokens = 8192, .loss = 0.1, .n_tokens = 512};
      eval.seconds = 0.5F;
      writer.append(eval);
    } else {
      writer.append(CheckpointRecord{.step = 30,
                                     .tokens = 30720,
                                     .time = 1.7e9,
                                     .write_s = 2.5F,
                                     .stall_s = 0.125F,
                                     .bytes = 4096,
                                     .ok = true,
                                     .path = "runs/tiny-1.checkpoints/step-30"});
      writer.append(RunEvent{.time = 1.7e9, .step = 30, .kind = EventKind::end, .text = "done"});
    }
    writer.set_state(number == 0 ? RunState::checkpointed : RunState::done);
    return path;
  }

  TrainingRun run() const {
    const std::vector<std::filesystem::path> files = {write_segment(0, 1, 20),
                                                      write_segment(1, 11, 30)};
    RunSet set = load_runs(files);
    EXPECT_EQ(set.runs.size(), 1U);
    return std::move(set.runs.at(0));
  }
};

TEST_F(RunDocument, every_iteration_has_the_values_of_its_row) {
  const json document = parsed(run());
  const json& iterations = document.at("training_iterations");
  ASSERT_EQ(iterations.size(), 30U);
  for (int64_t step = 1; step <= 30; ++step) {
    const json& iteration = iterations[static_cast<std::size_t>(step - 1)];
    const StepRecord row = sample_step(step);
    EXPECT_EQ(iteration.at("iter"), step);
    EXPECT_EQ(iteration.at("tokens"), row.tokens);
    EXPECT_EQ(iteration.at("time"), row.time);
    EXPECT_EQ(iteration.at("loss").get<float>(), row.loss);
    EXPECT_EQ(iteration.at("lr").get<float>(), row.lr);
    EXPECT_EQ(iteration.at("time_ms"), 250);
    EXPECT_EQ(iteration.at("phases_ms").at("forward").get<float>(), 100.0F);
    EXPECT_TRUE(iteration.at("phases_ms").at("backward").is_null());
    EXPECT_EQ(iteration.at("mfu").at("mfu_percent"), 37.5);
    EXPECT_EQ(iteration.at("mfu").at("hardware_peak_tflops"), 0.1);
    EXPECT_EQ(iteration.at("mfu").at("flops_per_token"), 6.5e6);
    EXPECT_TRUE(iteration.at("mfu").at("tokens_per_sec").is_null());
    EXPECT_EQ(iteration.at("memory").at("peak_gb").get<float>(), 1.610612736F);  // 1.5 x 2^30
    EXPECT_EQ(iteration.at("gradients").at("global_norm").get<float>(), row.grad_norm);
    EXPECT_EQ(iteration.at("spike"), step % 3 == 0);
    EXPECT_EQ(iteration.at("skipped"), false);
  }
}

TEST_F(RunDocument, gradients_stand_at_the_steps_that_have_them) {
  const json document = parsed(run());
  for (const json& iteration : document.at("training_iterations")) {
    const json& gradients = iteration.at("gradients");
    const auto step = iteration.at("iter").get<int64_t>();
    if (step % 5 != 0) {
      EXPECT_TRUE(gradients.at("grad_mean").is_null()) << step;
      EXPECT_TRUE(gradients.at("per_layer").is_null()) << step;
      continue;
    }
    EXPECT_EQ(gradients.at("grad_mean").get<float>(), 0.1F);
    EXPECT_EQ(gradients.at("grad_std").get<float>(), 0.2F);
    const json& block = gradients.at("per_layer").at("block 0");
    EXPECT_EQ(block.at("grad_norm").get<float>(), static_cast<float>(step) + 1);
    EXPECT_EQ(block.at("param_norm"), 0.25);
    EXPECT_EQ(block.at("update_norm").get<float>(), 2e-3F);
  }
}

TEST_F(RunDocument, starts_are_merged_and_steps_done_again_count_once) {
  const json document = parsed(run());
  EXPECT_EQ(document.at("run_name"), "tiny-1");
  EXPECT_EQ(document.at("start_time"), "2026-11-21T22:00:00Z");
  ASSERT_EQ(document.at("segments").size(), 2U);
  EXPECT_EQ(document.at("segments")[0].at("state"), "checkpointed");
  EXPECT_EQ(document.at("segments")[1].at("resumed_from_iter"), 10);
  EXPECT_EQ(document.at("summary").at("lost_iterations"), 10);
  EXPECT_EQ(document.at("summary").at("state"), "done");
}

TEST_F(RunDocument, configuration_and_header_are_complete) {
  const json document = parsed(run());
  EXPECT_EQ(document.at("config"), json::parse(R"({"model": {"n_layer": 2}})"));
  const json& info = document.at("startup_info");
  EXPECT_EQ(info.at("git_commit"), "0123abc");
  EXPECT_TRUE(info.at("slurm_restart_count").is_null());
  EXPECT_EQ(info.at("argv"), json({"trainer", "plan.yaml", "--set", "seed=1337"}));
  EXPECT_EQ(info.at("model").at("n_params"), 1'000'000);
  EXPECT_EQ(info.at("layout").at("strategy"), "fsdp");
  EXPECT_EQ(info.at("hardware").at("nodes")[1].at("node"), "node1");
  EXPECT_TRUE(info.at("hardware").at("nccl_version").is_null());
  EXPECT_EQ(info.at("flops").at("recompute_factor"), 1.25);
  EXPECT_EQ(info.at("prediction").at("step_s"), 0.5);
  EXPECT_TRUE(info.at("prediction").at("loss").is_null());
}

TEST_F(RunDocument, evaluations_checkpoints_and_events_are_arrays) {
  const json document = parsed(run());
  EXPECT_EQ(document.at("eval_steps"), json::parse(R"([{"iter": 8, "time": 1.7e9, "tokens": 8192,
      "set": "validation", "loss": 0.1, "evaluated_tokens": 512, "time_ms": 500.0}])"));
  EXPECT_EQ(document.at("checkpoints"), json::parse(R"([{"iter": 30, "time": 1.7e9,
      "tokens": 30720, "path": "runs/tiny-1.checkpoints/step-30", "ok": true, "bytes": 4096,
      "write_ms": 2500.0, "stall_ms": 125.0}])"));
  EXPECT_EQ(document.at("events")[0].at("kind"), "end");
}

// Two steps of each start are warm-up.
TEST_F(RunDocument, summary_is_of_the_settled_iterations) {
  const json summary = parsed(run()).at("summary");
  EXPECT_EQ(summary.at("iterations"), 30);
  EXPECT_EQ(summary.at("tokens"), 30 * 1024);
  EXPECT_EQ(summary.at("avg_mfu"), 37.5);
  EXPECT_EQ(summary.at("avg_time_ms"), 250);
  EXPECT_EQ(summary.at("averaged_iterations"), 8 + 18);
  EXPECT_EQ(summary.at("final_loss").get<float>(), 8.0F / 30);
  EXPECT_EQ(summary.at("final_eval_loss"), 0.1);
}

TEST_F(RunDocument, a_run_without_steps_has_a_document_too) {
  RunWriter(file("tiny-1.s000.h5"), sample_header());
  const std::vector<std::filesystem::path> files = {file("tiny-1.s000.h5")};
  const json document = parsed(load_runs(files).runs.at(0));
  EXPECT_TRUE(document.at("training_iterations").empty());
  EXPECT_TRUE(document.at("summary").at("avg_mfu").is_null());
  EXPECT_EQ(document.at("summary").at("state"), "running");
}

TEST_F(RunDocument, the_saved_file_is_the_document) {
  const TrainingRun saved = run();
  save_run_document(saved, file("tiny-1.json"));
  EXPECT_EQ(json::parse(read_text_file(file("tiny-1.json"))), parsed(saved));
}

}  // namespace
}  // namespace isoflop
