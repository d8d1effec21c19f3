// SPDX-License-Identifier: MIT
// Runs on 1, 2 and 4 ranks: the same training, however it is spread and in whatever order streams
// run.
#include "trainer/train.hpp"

#include "core/run/run_reader.hpp"
#include "tiny_training.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <ostream>

namespace isoflop {
namespace {

using Losses = std::vector<double>;
using test::Arithmetic;
using test::largest_difference;
using test::make_backend;

struct TrainCase {
  ParallelStrategy strategy;
  Recompute recompute;
  bool tied;
  bool gpt2;
  int64_t micro_batch_size;
};

void PrintTo(const TrainCase& c, std::ostream* out) {
  *out << (c.strategy == ParallelStrategy::ddp ? "ddp" : "fsdp")
       << (c.recompute == Recompute::full ? "_recompute" : "_keep")
       << (c.tied ? "_tied" : "_untied") << (c.gpt2 ? "_gpt2" : "_llama") << "_micro"
       << c.micro_batch_size;
}

/// Every combination, GPT-2's with dropout; micro batches of 1 (accumulation 8, 4 or 2) and 2 (4, 2
/// or 1) take turns.
std::vector<TrainCase> train_cases() {
  std::vector<TrainCase> cases;
  for (const ParallelStrategy strategy : {ParallelStrategy::ddp, ParallelStrategy::fsdp})
    for (const Recompute recompute : {Recompute::none, Recompute::full})
      for (const bool tied : {false, true})
        for (const bool gpt2 : {false, true})
          cases.push_back({strategy, recompute, tied, gpt2, 1 + std::ssize(cases) % 3 % 2});
  return cases;
}

class TrainEquivalence : public testing::TestWithParam<TrainCase> {
 protected:
  TrainConfig spread_config() const {
    TrainConfig config =
        test::tiny_config(GetParam().gpt2 ? test::tiny_gpt2() : test::tiny_llama(), data_.folder());
    config.model.tied_embeddings = GetParam().tied;
    config.model.dropout = GetParam().gpt2 ? 0.1 : 0;
    config.layout.strategy = GetParam().strategy;
    config.layout.recompute = GetParam().recompute;
    config.layout.micro_batch_size = GetParam().micro_batch_size;
    config.schedule.steps = n_steps_;
    return config;
  }
  /// One rank that holds everything and takes the whole batch at once.
  Losses losses_alone(Arithmetic arithmetic) const {
    TrainConfig config = spread_config();
    config.layout.strategy = ParallelStrategy::ddp;
    config.layout.recompute = Recompute::none;
    config.layout.micro_batch_size = config.layout.global_batch_size;
    SingleLaunch alone("here");
    return test::train_losses(config, alone, make_backend(arithmetic, {}));
  }
  Losses losses_spread(Arithmetic arithmetic, const CpuDeviceOptions& options = {}) const {
    return test::train_losses(spread_config(), *job_, make_backend(arithmetic, options));
  }
  const std::unique_ptr<Launch> job_ = make_launch(nullptr, nullptr);
  test::TinyData data_;
  int64_t n_steps_ = 20;
};

// f32 sums in another order differ by some 1e-7 of a loss of 4; AdamW's square root lets small
// gradients carry such differences into the parameters, which adds up over the steps.
TEST_P(TrainEquivalence, losses_are_those_of_one_rank) {
  const Losses alone = losses_alone(Arithmetic::f32);
  const Losses spread = losses_spread(Arithmetic::f32);
  EXPECT_LT(spread.back(), spread.front() - 0.3) << "nothing was learnt";
  EXPECT_LT(largest_difference(alone, spread, 5), 1e-5);
  EXPECT_LT(largest_difference(alone, spread, 20), 1e-4);
}

TEST_P(TrainEquivalence, losses_are_those_of_one_rank_to_ten_digits_in_f64) {
  EXPECT_LT(largest_difference(losses_alone(Arithmetic::f64), losses_spread(Arithmetic::f64), 20),
            1e-10);
}

TEST_P(TrainEquivalence, neither_repetition_nor_the_order_of_streams_changes_a_bit) {
  n_steps_ = 6;
  const Losses in_order = losses_spread(Arithmetic::f32);
  EXPECT_EQ(losses_spread(Arithmetic::f32), in_order);
  for (const uint64_t seed : {1, 2, 3})
    EXPECT_EQ(
        losses_spread(Arithmetic::f32, {.mode = CpuStreamMode::deferred, .schedule_seed = seed}),
        in_order)
        << "schedule " << seed;
}

INSTANTIATE_TEST_SUITE_P(All, TrainEquivalence, testing::ValuesIn(train_cases()),
                         testing::PrintToStringParamName());

class Train : public testing::Test {
 protected:
  Losses losses(const TrainConfig& config, const CpuDeviceOptions& options = {}) const {
    return test::train_losses(config, *job_, make_cpu_backend(options));
  }
  const std::unique_ptr<Launch> job_ = make_launch(nullptr, nullptr);
  test::TinyData data_;
  TrainConfig config_ = test::tiny_config(test::tiny_llama(), data_.folder());
};

// What the comparisons above must be able to notice.
TEST_F(Train, another_seed_rate_or_batch_gives_other_losses) {
  const Losses original = losses(config_);
  TrainConfig other_seed = config_;
  other_seed.run.seed += 1;
  EXPECT_GT(largest_difference(original, losses(other_seed), 5), 1e-3);
  TrainConfig other_rate = config_;
  other_rate.optimizer.lr *= 1.01;
  EXPECT_GT(largest_difference(original, losses(other_rate), 20), 1e-4);
  TrainConfig other_batch = config_;
  other_batch.layout.global_batch_size *= 2;
  EXPECT_GT(largest_difference(original, losses(other_batch), 5), 1e-3);
}

// Batches of 4 for five steps, then 8, in micro steps of one sequence: 4 and 8, 2 and 4 or 1 and 2
// of them.
TEST_F(Train, a_batch_ramp_trains_alike_on_any_number_of_ranks) {
  config_.schedule.batch_ramp = BatchRamp{.start = 4, .increment = 4, .steps = 5};
  TrainConfig alone = config_;
  alone.layout.micro_batch_size = 4;
  SingleLaunch one_rank("here");
  const Losses expected = test::train_losses(alone, one_rank, make_reference_backend({}));
  for (const ParallelStrategy strategy : {ParallelStrategy::ddp, ParallelStrategy::fsdp}) {
    config_.layout.strategy = strategy;
    EXPECT_LT(largest_difference(
                  expected, test::train_losses(config_, *job_, make_reference_backend({})), 20),
              1e-10);
  }
}

// Owners of matrices update them: losses fall, as those of one rank that owns all, and no bit
// depends on the order of streams.
TEST_F(Train, muon_learns_alike_on_any_number_of_ranks_and_in_any_order) {
  config_.optimizer.kind = OptimizerKind::muon;
  TrainConfig alone = config_;
  alone.layout.micro_batch_size = 8;
  SingleLaunch one_rank("here");
  const Losses expected = test::train_losses(alone, one_rank, make_cpu_backend({}));
  EXPECT_LT(expected.back(), expected.front() - 0.3);
  for (const ParallelStrategy strategy : {ParallelStrategy::ddp, ParallelStrategy::fsdp}) {
    config_.layout.strategy = strategy;
    const Losses spread = losses(config_);
    EXPECT_LT(largest_difference(expected, spread, 5), 1e-5);
    EXPECT_EQ(losses(config_, {.mode = CpuStreamMode::deferred, .schedule_seed = 1}), spread);
  }
}

TEST_F(Train, muons_losses_are_those_of_one_rank_to_ten_digits_in_f64) {
  using enum ParallelStrategy;
  config_.optimizer.kind = OptimizerKind::muon;
  config_.schedule.steps = 8;
  TrainConfig alone = config_;
  alone.layout.micro_batch_size = 8;
  SingleLaunch one_rank("here");
  const Losses expected = test::train_losses(alone, one_rank, make_reference_backend({}));
  for (const ParallelStrategy strategy : {ddp, zero1, zero2, fsdp}) {
    config_.layout.strategy = strategy;
    const Losses spread = test::train_losses(
        config_, *job_, make_reference_backend({.mode = CpuStreamMode::deferred}));
    EXPECT_LT(largest_difference(expected, spread, 8), 1e-10);
  }
}

// The first four losses, before parameters differ by much, are of other sequences.
TEST_F(Train, a_batch_ramp_changes_what_the_steps_train_on) {
  const Losses flat = losses(config_);
  config_.schedule.batch_ramp = BatchRamp{.start = 4, .increment = 4, .steps = 5};
  EXPECT_GT(largest_difference(flat, losses(config_), 4), 1e-3);
}

class RecordedRun : public Train {
 protected:
  TrainEnd run() {
    std::optional<RunWriter> writer;
    if (job_->info().rank == 0) {
      RunHeader header;
      header.identity.run_id = "tiny";
      header.hardware.world_size = job_->info().world_size;
      header.unit_names = {"embedding", "block0", "block1", "head"};
      writer.emplace(path_, header);
    }
    Preparation preparation = prepare(config_, job_->info().world_size);
    if (job_->info().rank == 0) preparation.deadline_s = deadline_s_;
    Session session(std::move(preparation), *job_, make_cpu_backend({}), clock_);
    Recorder recorder(session.config(), session.schedule(), session.layout(), job_->ranks(),
                      session.unit_of_tensor(), std::move(writer));
    const TrainEnd end = train(session, recorder);
    EXPECT_EQ(recorder.last_step(), last_step_);
    recorder.finish(RunState::done);
    return end;
  }
  int64_t last_step_ = 20;
  std::optional<double> deadline_s_;
  Clock clock_ = system_time;
  test::TempDir folder_;
  std::filesystem::path path_ = folder_ / "tiny.s000.h5";
};

TEST_F(RecordedRun, every_step_and_evaluation_has_its_row) {
  config_.eval.interval = 6;
  EXPECT_EQ(run(), TrainEnd::done);
  if (job_->info().rank == 0) {
    const RunFile file = read_run_or_throw(path_);
    ASSERT_EQ(file.steps.size(), 20U);
    for (std::size_t i = 0; i < 20; ++i) {
      EXPECT_EQ(file.steps[i].step, static_cast<int64_t>(i + 1));
      EXPECT_EQ(file.steps[i].flags, 0U);
    }
    std::vector<int64_t> evaluated;
    for (const EvalRecord& row : file.evals) evaluated.push_back(row.step);
    EXPECT_THAT(evaluated, testing::ElementsAre(6, 12, 18, 20));
  }
  losses(config_);
}

TEST_F(RecordedRun, recorded_losses_are_those_of_the_steps) {
  config_.eval.interval = 5;
  run();
  const Losses expected = losses(config_);
  if (job_->info().rank != 0) return;
  const RunFile file = read_run_or_throw(path_);
  for (std::size_t i = 0; i < 20; ++i)
    EXPECT_EQ(file.steps.at(i).loss, static_cast<float>(expected[i])) << i;
}

// Phases leave out nothing but the marks themselves and the copy of the results.
TEST_F(RecordedRun, phases_and_communication_fit_into_the_step) {
  config_.eval.interval = 5;
  run();
  if (job_->info().rank != 0) return;
  for (const StepRecord& row : read_run_or_throw(path_).steps) {
    const float phases = *row.data_s + *row.forward_s + *row.backward_s + *row.optimizer_s;
    EXPECT_GT(phases, 0) << row.step;
    EXPECT_LE(phases, *row.step_s * 1.0001F) << row.step;
    EXPECT_GT(*row.comm_s, 0) << row.step;  // one rank, too, makes MPI calls
  }
}

// AdamW moves every weight by lr whatever its gradient: after one update all products overflow.
TEST_F(RecordedRun, twenty_steps_in_a_row_without_update_are_divergence) {
  config_.optimizer.lr = 1e30;
  config_.schedule = {.steps = 100, .warmup_steps = 0};
  last_step_ = 22;
  EXPECT_EQ(run(), TrainEnd::diverged);
  if (job_->info().rank != 0) return;
  const RunFile file = read_run_or_throw(path_);
  ASSERT_EQ(file.steps.size(), 22U);
  EXPECT_EQ(file.steps[0].flags & kStepSkipped, 0U);
  for (std::size_t i = 1; i < 22; ++i) EXPECT_EQ(file.steps[i].flags & kStepSkipped, 1U) << i;
}

/// Rank 0's clock moves on by a second at each step, from the 86th on by ten; the deadline is at
/// 100 s. deadline_watch_test.cpp works out the votes.
class RunWithDeadline : public RecordedRun {
 protected:
  RunWithDeadline() {
    config_.schedule = {.steps = 1000, .warmup_steps = 2, .kind = ScheduleKind::wsd};
    config_.schedule.deadline = Deadline{Deadline::Kind::at, 100};
    deadline_s_ = 100;
    clock_ = [this] { return now_s_ += ++n_calls_ > slow_after_ ? 10 : 1; };
  }
  double now_s_ = 0;
  int64_t n_calls_ = 0;
  int64_t slow_after_ = 1'000'000;
};

// The vote of step 75 is read while step 76 is on its way; 19 steps after 76 are a fifth of all.
TEST_F(RunWithDeadline, ends_with_its_decay_complete) {
  last_step_ = 95;
  EXPECT_EQ(run(), TrainEnd::done);
  if (job_->info().rank != 0) return;
  EXPECT_LT(now_s_, 100);
  const RunFile file = read_run_or_throw(path_);
  ASSERT_EQ(file.steps.size(), 95U);
  EXPECT_FLOAT_EQ(file.steps[75].lr.value(), 1e-2F);
  EXPECT_LT(file.steps[76].lr.value(), 1e-2F);
  EXPECT_FLOAT_EQ(file.steps[94].lr.value(), 1e-3F);
  std::vector<RunEvent> decays;  // on a busy machine there may be events of slow ranks too
  std::copy_if(file.events.begin(), file.events.end(), std::back_inserter(decays),
               [](const RunEvent& event) { return event.kind == EventKind::decay; });
  ASSERT_EQ(decays.size(), 1U);
  EXPECT_EQ(decays[0].step, 77);
  EXPECT_EQ(decays[0].code, 19);
  ASSERT_EQ(file.evals.size(), 1U);
  EXPECT_EQ(file.evals[0].step, 95);
}

// All ranks followed the choice: the losses are those of a run of 95 steps from the start.
TEST_F(RunWithDeadline, trains_as_if_it_had_been_planned_to_be_as_long) {
  last_step_ = 95;
  run();
  config_.schedule.deadline.reset();
  config_.schedule.steps = 95;
  const Losses planned = losses(config_);
  if (job_->info().rank != 0) return;
  const RunFile file = read_run_or_throw(path_);
  for (std::size_t i = 0; i < 95; ++i)
    EXPECT_EQ(file.steps.at(i).loss, static_cast<float>(planned[i])) << i;
}

// Step 86 begins at 95 s, step 87 at 105 s: its vote ends the run behind step 88.
TEST_F(RunWithDeadline, ends_all_ranks_when_the_time_runs_out_in_the_decay) {
  slow_after_ = 85;
  last_step_ = 88;
  EXPECT_EQ(run(), TrainEnd::out_of_time);
}

TEST_F(RunWithDeadline, trains_all_steps_when_they_fit) {
  config_.schedule.steps = last_step_ = 30;
  EXPECT_EQ(run(), TrainEnd::done);
  if (job_->info().rank != 0) return;
  const RunFile file = read_run_or_throw(path_);
  EXPECT_EQ(file.steps.size(), 30U);
  EXPECT_TRUE(file.events.empty());
}

}  // namespace
}  // namespace isoflop
