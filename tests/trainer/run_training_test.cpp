// SPDX-License-Identifier: MIT
// Runs on 1 and 2 ranks, in a program of its own: a request to stop cannot be taken back.
#include "trainer/run_training.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "core/run/run_reader.hpp"
#include "shared_folder.hpp"
#include "tiny_training.hpp"
#include "trainer/start_report.hpp"
#include "trainer/stop_signal.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>
#include <unistd.h>

namespace isoflop {
namespace {

/// Collectives of a rank that gets SIGUSR2 when a step begins.
class SignalledCollectives final : public Collectives {
 public:
  SignalledCollectives(std::unique_ptr<Collectives> inner, int64_t step)
      : inner_(std::move(inner)), step_(step) {}

  int rank(Group group) const override { return inner_->rank(group); }
  int size(Group group) const override { return inner_->size(group); }
  Event all_gather(TensorView out, TensorView in, Group group, Stream stream,
                   Event after) override {
    return inner_->all_gather(out, in, group, stream, after);
  }
  Event reduce_scatter(TensorView out, TensorView in, ReduceOp op, Group group, Stream stream,
                       Event after) override {
    return inner_->reduce_scatter(out, in, op, group, stream, after);
  }
  Event all_reduce(TensorView out, TensorView in, ReduceOp op, Group group, Stream stream,
                   Event after) override {
    return inner_->all_reduce(out, in, op, group, stream, after);
  }
  Event broadcast(TensorView inout, int root, Group group, Stream stream, Event after) override {
    return inner_->broadcast(inout, root, group, stream, after);
  }
  Event exchange(std::span<const Message> sends, std::span<const Message> receives, Group group,
                 Stream stream, Event after) override {
    return inner_->exchange(sends, receives, group, stream, after);
  }
  Event broadcast_each(std::span<const Share> shares, Group group, Stream stream,
                       Event after) override {
    return inner_->broadcast_each(shares, group, stream, after);
  }
  void begin_step(int64_t step) override {
    if (step == step_) {
      kill(getpid(),
           SIGUSR2);  // as Slurm does: to the process; its handler has a thread of its own
      while (stop_signal() == 0) std::this_thread::yield();
    }
    inner_->begin_step(step);
  }
  void end_step(int64_t step) override { inner_->end_step(step); }
  double exposed_seconds(int64_t step) const override { return inner_->exposed_seconds(step); }
  PeerWaits peer_waits() const override { return inner_->peer_waits(); }
  void poll() override { inner_->poll(); }
  void abort(int exit_code) override { inner_->abort(exit_code); }

 private:
  std::unique_ptr<Collectives> inner_;
  int64_t step_;
};

/// A launch whose last rank gets SIGUSR2 when the fifth step begins; the others get none.
class SignalledLaunch final : public Launch {
 public:
  explicit SignalledLaunch(Launch& launch) : launch_(launch) {}

  const RankInfo& info() const override { return launch_.info(); }
  const std::vector<RankInfo>& ranks() const override { return launch_.ranks(); }
  std::unique_ptr<Collectives> make_collectives(Device& device, const Layout& layout) override {
    auto collectives = launch_.make_collectives(device, layout);
    if (info().rank != info().world_size - 1) return collectives;
    return std::make_unique<SignalledCollectives>(std::move(collectives), 5);
  }
  std::vector<double> gather_to_all(double value) override { return launch_.gather_to_all(value); }
  double max_over_ranks(double value) override { return launch_.max_over_ranks(value); }
  void broadcast_from_first(std::span<std::byte> bytes) override {
    launch_.broadcast_from_first(bytes);
  }
  void abort(int exit_code) noexcept override { launch_.abort(exit_code); }

 private:
  Launch& launch_;
};

class RunTraining : public testing::Test {
 protected:
  RunTraining() {
    log::configure(job_->info().rank, job_->info().world_size, log::Level::error);
    TrainConfig config = test::tiny_config(test::tiny_llama(), data_.folder());
    config.run.out = folder_.path();
    config.layout.strategy = ParallelStrategy::fsdp;
    config.eval.interval = 5;
    options_.config = own_ / "train.yaml";
    std::ofstream(options_.config) << write_train_config(config, "");
    options_.argv = {"trainer", "train.yaml"};
  }
  RunFile recorded(const std::string& name = "tiny.s000.h5") const {
    return read_run_or_throw(folder_ / name);
  }
  int run(Launch& launch) {
    StatusFile status(find_run_place(options_));
    status.set_place(launch.info());
    return run_training(options_, launch, status);
  }
  RunStatus written_status() const { return read_run_status(folder_ / "tiny.status.json"); }
  /// With a deadline of 100 s and a clock that moves on by so much at the start and each step.
  int run_to_deadline(double seconds_a_step,
                      const std::vector<std::pair<std::string, std::string>>& more = {}) {
    options_.overrides = {{"schedule.kind", "wsd"},
                          {"schedule.steps", "1000"},
                          {"schedule.end", "deadline"},
                          {"schedule.deadline", "+00:01:40"},
                          {"eval.interval", "0"}};
    options_.overrides.insert(options_.overrides.end(), more.begin(), more.end());
    StatusFile status(find_run_place(options_));
    return run_training(options_, *job_, status, [&] { return now_s_ += seconds_a_step; });
  }
  double now_s_ = 0;
  const std::unique_ptr<Launch> job_ = make_launch(nullptr, nullptr);
  test::SharedFolder folder_{*job_};
  test::TempDir own_;
  test::TinyData data_;
  TrainerOptions options_;
};

// Tests of a program run in the order they are written: this one before the signal.
TEST_F(RunTraining, a_finished_run_is_done_and_a_second_start_finds_that) {
  EXPECT_EQ(run(*job_), 0);
  EXPECT_EQ(run(*job_), 0);
  if (job_->info().rank != 0) return;
  const RunFile first = recorded();
  EXPECT_EQ(first.state, RunState::done);
  EXPECT_TRUE(first.closed_cleanly);
  EXPECT_EQ(first.steps.size(), 20U);
  EXPECT_EQ(first.header.identity.segment, 0);
  EXPECT_EQ(first.header.config.tokenizer, "bytes");
  EXPECT_EQ(first.events.front().kind, EventKind::start);
  EXPECT_EQ(first.events.at(1).kind, EventKind::end);
  EXPECT_EQ(first.events.back().kind, EventKind::checkpoint);
  ASSERT_EQ(first.checkpoints.size(), 1U);
  EXPECT_EQ(first.checkpoints.front().step, 20);
  EXPECT_TRUE(first.checkpoints.front().ok);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "tiny.s001.h5"));
}

TEST_F(RunTraining, the_status_file_says_that_a_run_is_done_and_where_its_state_is) {
  EXPECT_EQ(run(*job_), 0);
  if (job_->info().rank != 0) return;
  const RunStatus status = written_status();
  EXPECT_EQ(status.run, "tiny");
  EXPECT_EQ(status.state, StatusState::done);
  EXPECT_EQ(status.exit_code, 0);
  EXPECT_EQ(status.cause, "");
  EXPECT_EQ(status.step, 20);
  EXPECT_EQ(status.last_step, 20);
  EXPECT_EQ(status.phase, "end");
  EXPECT_EQ(status.segment->path, folder_ / "tiny.s000.h5");
  EXPECT_EQ(status.checkpoint->step, 20);
  EXPECT_EQ(status.rank, 0);
}

// core/run/run_document_test.cpp reads such a document value by value.
TEST_F(RunTraining, the_json_log_is_of_all_starts_up_to_an_early_end) {
  EXPECT_EQ(run_to_deadline(30), 85);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "tiny.json"));
  EXPECT_EQ(run_to_deadline(30, {{"log.json", "true"}}), 85);
  if (job_->info().rank != 0) return;
  MapReader document(ConfigNode::load(folder_ / "tiny.json"));
  EXPECT_EQ(document.required_node("segments").items().size(), 2U);
  const std::vector<ConfigNode> iterations = document.required_node("training_iterations").items();
  ASSERT_EQ(iterations.size(), 10U);
  const StepRecord last = recorded("tiny.s001.h5").steps.back();
  MapReader iteration(iterations.back());
  EXPECT_EQ(iteration.required<int64_t>("iter"), last.step);
  EXPECT_EQ(static_cast<float>(iteration.required<double>("loss")), last.loss);
  MapReader summary(document.required_node("summary"));
  EXPECT_EQ(summary.required<std::string>("state"), "checkpointed");
}

TEST_F(RunTraining, a_diverged_run_has_a_json_log_too) {
  options_.overrides = {{"optimizer.lr", "1e30"}, {"log.json", "true"}};
  EXPECT_EQ(run(*job_), static_cast<int>(ExitCode::kDiverged));
  if (job_->info().rank != 0) return;
  MapReader document(ConfigNode::load(folder_ / "tiny.json"));
  MapReader summary(document.required_node("summary"));
  EXPECT_EQ(summary.required<std::string>("state"), "nan");
}

TEST_F(RunTraining, a_json_log_that_cannot_be_written_does_not_fail_the_run) {
  std::filesystem::create_directories(folder_ / "tiny.json");
  options_.overrides = {{"log.json", "true"}};
  EXPECT_EQ(run(*job_), 0);
  if (job_->info().rank != 0) return;
  EXPECT_EQ(recorded().state, RunState::done);
}

// profiler_test.cpp looks into such a trace.
TEST_F(RunTraining, a_profile_is_of_the_ranks_asked_for) {
  const int rank = job_->info().rank;
  options_.profile = {.range = StepRange{2, 3}, .n_steps = 2, .n_ranks = 1};
  EXPECT_EQ(run(*job_), 0);
  EXPECT_EQ(std::filesystem::exists(folder_ / fmt::format("tiny.trace.{}.json", rank)), rank == 0);
  options_.profile->n_ranks = 8;
  options_.overrides = {{"run.name", "all"}};
  EXPECT_EQ(run(*job_), 0);
  const std::string trace = read_text_file(folder_ / fmt::format("all.trace.{}.json", rank));
  EXPECT_THAT(trace, testing::HasSubstr("\"reduce-scatter\""));
  EXPECT_THAT(trace, testing::HasSubstr(fmt::format("\"pid\": {}", rank)));
}

TEST_F(RunTraining, the_recorded_configuration_runs_again_as_it_is) {
  EXPECT_EQ(run(*job_), 0);
  if (job_->info().rank != 0) return;
  TrainConfig original = load_config(options_);
  EXPECT_EQ(original.device.kind, DeviceKind::automatic);
  original.device.kind = DeviceKind::cpu;  // recorded as what they came to
  original.model.attention_backend = AttentionBackend::sdpa;
  TrainerOptions again;
  again.config = folder_ / "again.yaml";
  std::ofstream(again.config) << recorded().header.config.yaml;
  EXPECT_EQ(load_config(again), original);
}

TEST_F(RunTraining, the_configuration_on_the_console_runs_again_as_it_is) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(check_training(options_, *job_), 0);
  const std::string printed = testing::internal::GetCapturedStdout();
  if (job_->info().rank != 0) return;
  const std::size_t begin = printed.find("\n---\n") + 1;
  const std::size_t end = printed.find("\n...\n", begin) + 5;
  TrainerOptions again;
  again.config = folder_ / "again.yaml";
  std::ofstream(again.config) << printed.substr(begin, end - begin);
  TrainConfig original = load_config(options_);
  original.device.kind = DeviceKind::cpu;  // what they came to
  original.model.attention_backend = AttentionBackend::sdpa;
  EXPECT_EQ(load_config(again), original);
  EXPECT_THAT(config_echo(load_config(again)) + "\n",
              testing::EndsWith("\n" + printed.substr(begin, end - begin)));
}

TEST_F(RunTraining, an_attention_backend_that_is_not_there_falls_back_or_is_refused) {
  options_.overrides = {{"device.kind", "cpu"}, {"model.attention_backend", "flash_attn_2"}};
  testing::internal::CaptureStdout();
  EXPECT_EQ(check_training(options_, *job_), 0);
  const std::string printed = testing::internal::GetCapturedStdout();
  EXPECT_EQ(printed.find("attention sdpa") != std::string::npos, job_->info().rank == 0);
  options_.overrides.push_back({"model.attention_strict", "true"});
  EXPECT_THROW(check_training(options_, *job_), Error);
}

// Before a GPU is asked for: nodes without one tell as well.
TEST_F(RunTraining, check_tells_what_gpus_do_not_run) {
  options_.overrides = {{"device.kind", "cuda"},
                        {"precision", "fp32"},
                        {"model.attention_backend", "flash_attn_2"},
                        {"model.attention_strict", "true"}};
  try {
    check_training(options_, *job_);
    FAIL() << "must throw";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::kUsage);
    if (job_->info().rank != 0) return;
    EXPECT_THAT(error.what(), testing::HasSubstr("cuDNN has no kernel in fp32"));
  }
}

// Nothing is wrong with these but that this build has no GPU.
TEST_F(RunTraining, gpus_run_every_component) {
  for (const auto& [key, value] : {std::pair{"model.qk_norm", "true"},
                                   {"model.dropout", "0.1"},
                                   {"model.z_loss", "1e-4"},
                                   {"model.d_head", "300"},
                                   {"precision", "fp16"},
                                   {"optimizer.kind", "muon"}}) {
    options_.overrides = {{"device.kind", "cuda"}, {key, value}};
    try {
      check_training(options_, *job_);
      FAIL() << "must throw";
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), ExitCode::kDeviceMissing) << key << ": " << error.what();
    }
  }
}

TEST_F(RunTraining, check_trains_nothing) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(check_training(options_, *job_), 0);
  const std::string printed = testing::internal::GetCapturedStdout();
  EXPECT_EQ(printed.find("check passed; nothing was trained") != std::string::npos,
            job_->info().rank == 0);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "tiny.s000.h5"));
}

TEST_F(RunTraining, the_cpu_refuses_a_precision_that_it_does_not_compute_in) {
  for (const std::string kind : {"cpu", "auto"}) {
    options_.overrides = {{"device.kind", kind}, {"precision", "tf32"}};
    try {
      run(*job_);
      FAIL() << "must throw";
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), ExitCode::kUsage);
      if (job_->info().rank != 0) continue;
      EXPECT_THAT(error.what(), testing::HasSubstr("precision is 'tf32'"));
    }
  }
}

TEST_F(RunTraining, a_folder_that_cannot_be_written_fails_all_ranks_alike) {
  options_.overrides = {{"run.out", "/proc/nowhere"}};
  try {
    run(*job_);
    FAIL() << "must throw";
  } catch (const ReportedElsewhereError& error) {
    EXPECT_NE(job_->info().rank, 0);
    EXPECT_EQ(error.exit_code(), ExitCode::kFile);
  } catch (const FileError& error) {
    EXPECT_EQ(job_->info().rank, 0);
    EXPECT_THAT(error.what(), testing::HasSubstr("/proc/nowhere"));
  }
}

// deadline_watch_test.cpp works out the votes.
TEST_F(RunTraining, to_a_deadline_ends_in_time_with_its_decay_complete) {
  EXPECT_EQ(run_to_deadline(1), 0);
  if (job_->info().rank != 0) return;
  EXPECT_LT(now_s_, 101);
  const RunFile file = recorded();
  EXPECT_EQ(file.state, RunState::done);
  ASSERT_EQ(file.steps.size(), 95U);
  EXPECT_FLOAT_EQ(file.steps[75].lr.value(), 1e-2F);
  EXPECT_FLOAT_EQ(file.steps[94].lr.value(), 1e-3F);
  ASSERT_EQ(file.events.size(), 4U);
  EXPECT_EQ(file.events[1].kind, EventKind::decay);
  EXPECT_EQ(file.events[1].step, 77);
  EXPECT_EQ(file.events[1].code, 19);
}

// Step 4 begins behind the deadline; its vote ends the run behind step 5.
TEST_F(RunTraining, to_a_deadline_that_comes_before_the_decay_stops) {
  EXPECT_EQ(run_to_deadline(30), 85);
  if (job_->info().rank != 0) return;
  const RunFile file = recorded();
  EXPECT_EQ(file.state, RunState::checkpointed);
  EXPECT_EQ(file.steps.size(), 5U);
  const RunEvent& end = file.events.at(file.events.size() - 2);  // its checkpoint is the last
  EXPECT_EQ(end.kind, EventKind::end);
  EXPECT_THAT(end.text, testing::HasSubstr("deadline before the last step"));
}

TEST_F(RunTraining, the_end_of_a_job_that_is_none_is_refused_on_all_ranks) {
  unsetenv("SLURM_JOB_END_TIME");
  options_.overrides = {
      {"schedule.kind", "wsd"}, {"schedule.end", "deadline"}, {"schedule.deadline", "slurm"}};
  try {
    run(*job_);
    FAIL() << "must throw";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::kUsage);
    if (job_->info().rank != 0) return;
    EXPECT_THAT(error.what(), testing::HasSubstr("SLURM_JOB_END_TIME is not set"));
  }
}

// The vote is cast when step 6 begins and counted when it is read, while step 7 is on its way.
TEST_F(RunTraining, signal_on_one_rank_stops_all_with_every_step_recorded) {
  SignalledLaunch launch(*job_);
  EXPECT_EQ(run(launch), 85);
  EXPECT_EQ(stop_signal(), job_->info().rank == job_->info().world_size - 1 ? SIGUSR2 : 0);
  if (job_->info().rank != 0) return;
  const RunFile file = recorded();
  EXPECT_EQ(file.state, RunState::checkpointed);
  EXPECT_TRUE(file.closed_cleanly);
  ASSERT_EQ(file.steps.size(), 7U);
  EXPECT_EQ(file.steps.back().step, 7);
  const RunEvent& signal = file.events.at(file.events.size() - 2);
  EXPECT_EQ(signal.kind, EventKind::signal);
  EXPECT_EQ(signal.step, 7);
  EXPECT_EQ(written_status().state, StatusState::checkpointed);
  EXPECT_EQ(written_status().exit_code, 85);
  EXPECT_EQ(written_status().step, 7);
  EXPECT_EQ(written_status().last_step, 20);
  EXPECT_EQ(file.events.back().kind, EventKind::checkpoint);
  EXPECT_EQ(file.checkpoints.at(0).step, 7);
}

TEST_F(RunTraining, a_request_that_comes_with_the_last_step_is_too_late) {
  options_.overrides = {{"schedule.steps", "1"}, {"schedule.warmup_steps", "0"}};
  EXPECT_EQ(run(*job_), 0);
  if (job_->info().rank != 0) return;
  EXPECT_EQ(recorded().state, RunState::done);
}

}  // namespace
}  // namespace isoflop
