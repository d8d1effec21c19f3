// SPDX-License-Identifier: MIT
// Runs on 1, 2 and 4 ranks: a run that is cut and goes on is the run that was not cut.
#include "trainer/resume.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "shared_folder.hpp"
#include "support/error_matchers.hpp"
#include "tiny_training.hpp"
#include "trainer/checkpoint/checkpoint_reader.hpp"
#include "trainer/fsdp/sharding_cases.hpp"

#include <fmt/format.h>

#include <fstream>

namespace isoflop {
namespace {

using test::Arithmetic;
using test::message_of;
using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr int64_t kCut = 6;
constexpr int64_t kSteps = 12;

Launch& job() {
  static const std::unique_ptr<Launch> launch = make_launch(nullptr, nullptr);
  return *launch;
}

/// Rank 0 says what is wrong; the others only that something is.
void expect_on_first(const std::string& message, const char* part) {
  if (job().info().rank == 0) {
    EXPECT_THAT(message, HasSubstr(part));
  }
}

class Resume : public testing::Test {
 protected:
  Resume() {
    log::configure(job().info().rank, job().info().world_size, log::Level::error);
    config_ = test::tiny_config(test::tiny_llama(), data_.folder());
    config_.run.out = folder_.path();
    config_.model.dropout = 0.1;
    config_.schedule.steps = kSteps;
    config_.checkpoint.interval_minutes = 0;
  }
  void set_layout(TrainConfig& config, const ShardingCase& sharding) const {
    const Layout layout = layout_of(sharding, job().info().world_size);
    config.layout.strategy = sharding.strategy;
    if (sharding.strategy == ParallelStrategy::hsdp) config.layout.n_shard = layout.n_shard;
    config.layout.fsdp.min_unit_params = sharding.min_unit_params;
  }
  /// Steps first to last, from the checkpoint where there is one; the last state is saved.
  std::vector<double> run(const TrainConfig& config, Launch& launch, Backend backend, int64_t last,
                          const std::optional<fs::path>& checkpoint = {}) {
    Preparation preparation = prepare(config, launch.info().world_size);
    if (checkpoint) preparation.checkpoint.emplace(*checkpoint);
    Session session(std::move(preparation), launch, std::move(backend));
    std::vector<double> losses;
    for (int64_t step = session.first_step(); step <= last; ++step) {
      enqueue_step(session, step);
      losses.push_back(session.io().wait(step).output.loss_sum * session.grad_scale(step));
    }
    session.checkpoints().save_last(last);
    return losses;
  }
  /// Losses after the cut of a run that is not cut.
  std::vector<double> uncut(const TrainConfig& config, Arithmetic arithmetic) {
    TrainConfig other = config;
    other.run.name = "uncut";
    const std::vector<double> losses = run(other, job(), test::make_backend(arithmetic), kSteps);
    return {losses.begin() + kCut, losses.end()};
  }
  fs::path checkpoint(const TrainConfig& config, int64_t step = kCut) const {
    return CheckpointFolder(config.checkpoint_folder()).of(step);
  }
  /// A bit of rank 0's file.
  void damage(const fs::path& checkpoint) const {
    if (job().info().rank == 0) {
      const fs::path path = checkpoint / state_file_name(0);
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekg(5000);
      const auto byte = static_cast<char>(file.get() ^ 4);
      file.seekp(5000);
      file.put(byte);
    }
    job().max_over_ranks(0);
  }
  std::optional<fs::path> choose(const TrainConfig& config) {
    const Preparation preparation = prepare(config, job().info().world_size);
    const std::optional<CheckpointReader> checkpoint =
        choose_checkpoint(config, data_crc32(preparation.train_windows.index()), job());
    if (!checkpoint) return std::nullopt;
    return checkpoint->folder();
  }
  /// A session trained to its last step.
  std::unique_ptr<Session> trained(const TrainConfig& config, CpuStreamMode mode = {}) const {
    auto session = std::make_unique<Session>(
        prepare(config, job().info().world_size), job(),
        test::make_backend(Arithmetic::f32, CpuDeviceOptions{.mode = mode}));
    Recorder recorder(session->config(), session->schedule(), session->layout(), job().ranks(),
                      session->unit_of_tensor(), std::nullopt);
    EXPECT_EQ(train(*session, recorder), TrainEnd::done);
    return session;
  }

  test::TinyData data_;
  test::SharedFolder folder_{job()};
  TrainConfig config_;
};

TEST_F(Resume, is_bit_for_bit_the_run_that_was_not_cut) {
  for (const ShardingCase& sharding : kStrategies) {
    for (const OptimizerKind optimizer : {OptimizerKind::adamw, OptimizerKind::muon}) {
      TrainConfig config = config_;
      set_layout(config, sharding);
      config.optimizer.kind = optimizer;
      config.run.name = fmt::format("{}-{}", sharding.name, static_cast<int>(optimizer));
      run(config, job(), test::make_backend(Arithmetic::f32), kCut);
      EXPECT_EQ(run(config, job(), test::make_backend(Arithmetic::f32), kSteps, checkpoint(config)),
                uncut(config, Arithmetic::f32))
          << config.run.name;
      job().max_over_ranks(0);
      if (job().info().rank == 0) fs::remove_all(folder_.path() / "uncut.checkpoints");
      job().max_over_ranks(0);
    }
  }
}

TEST_F(Resume, under_another_strategy_has_the_same_losses) {
  set_layout(config_, kFsdp);
  config_.optimizer.kind = OptimizerKind::muon;
  run(config_, job(), test::make_backend(Arithmetic::f64), kCut);
  const std::vector<double> expected = uncut(config_, Arithmetic::f64);
  for (const ShardingCase& sharding :
       {kDdp, kZero1, kZero2, kHsdp,
        ShardingCase{"merged", ParallelStrategy::fsdp, true, 100000}}) {
    TrainConfig config = config_;
    set_layout(config, sharding);
    config.run.name = sharding.name;
    const std::vector<double> losses =
        run(config, job(), test::make_backend(Arithmetic::f64), kSteps, checkpoint(config_));
    EXPECT_LT(test::largest_difference(losses, expected, kSteps - kCut), 1e-10) << sharding.name;
  }
}

TEST_F(Resume, on_another_number_of_ranks_has_the_same_losses) {
  set_layout(config_, kZero1);
  run(config_, job(), test::make_backend(Arithmetic::f64), kCut);
  const std::vector<double> expected = uncut(config_, Arithmetic::f64);
  // every rank by itself goes on as one of one, then all together from there
  TrainConfig alone = config_;
  alone.run.name = fmt::format("alone-{}", job().info().rank);
  alone.layout.strategy = ParallelStrategy::ddp;
  SingleLaunch single("here");
  std::vector<double> losses =
      run(alone, single, test::make_backend(Arithmetic::f64), kCut + 3, checkpoint(config_));
  job().max_over_ranks(0);
  TrainConfig together = config_;
  together.run.name = "together";
  set_layout(together, kFsdp);
  const std::vector<double> rest = run(together, job(), test::make_backend(Arithmetic::f64), kSteps,
                                       folder_.path() / "alone-0.checkpoints/step-00000009");
  losses.insert(losses.end(), rest.begin(), rest.end());
  EXPECT_LT(test::largest_difference(losses, expected, kSteps - kCut), 1e-10);
}

/// Checkpoints are taken in the course of training, in both stream modes and both ways to write.
TEST_F(Resume, from_a_checkpoint_taken_on_the_way_is_the_same_run) {
  for (const CpuStreamMode mode : {CpuStreamMode::run_inline, CpuStreamMode::deferred}) {
    for (const bool asynchronous : {false, true}) {
      TrainConfig config = config_;
      set_layout(config, kHsdp);
      config.run.name = fmt::format("way-{}{}", static_cast<int>(mode), asynchronous);
      config.checkpoint.interval = 5;
      config.checkpoint.asynchronous = asynchronous;
      trained(config, mode)->checkpoints().finish();
      job().max_over_ranks(0);
      const CheckpointFolder folder(config.checkpoint_folder());
      ASSERT_FALSE(folder.steps().empty()) << config.run.name;
      EXPECT_EQ(folder.steps().back(), 5) << config.run.name;
      if (!asynchronous) {  // else the next is taken when this one is written
        EXPECT_EQ(folder.steps().front(), 10) << config.run.name;
      }
      TrainConfig again = config;
      again.run.name += "-again";
      const std::vector<double> whole =
          test::train_losses(config, job(), test::make_backend(Arithmetic::f32));
      EXPECT_EQ(run(again, job(), test::make_backend(Arithmetic::f32), kSteps, folder.of(5)),
                std::vector<double>(whole.begin() + 5, whole.end()))
          << config.run.name;
    }
  }
}

TEST_F(Resume, a_checkpoint_is_due_when_its_time_has_come) {
  config_.checkpoint.interval_minutes = 1e-9;
  config_.checkpoint.keep = 100;
  trained(config_)->checkpoints().finish();
  job().max_over_ranks(0);
  // the clock's vote of step 1 is heard when step 2 is under way
  EXPECT_EQ(CheckpointFolder(config_.checkpoint_folder()).steps().back(), 2);
}

TEST_F(Resume, keeps_the_loss_scale_and_the_number_of_updates) {
  config_.precision = Precision::fp16;
  config_.loss_scale = {.initial = 16777216, .growth_interval = 3};  // overflows at first
  const auto backend = [] { return make_cpu_backend({}, Precision::fp16); };
  run(config_, job(), backend(), kCut);
  const CheckpointManifest manifest = read_manifest(checkpoint(config_));
  EXPECT_NE(manifest.loss_scale.scale, 16777216);
  TrainConfig other = config_;
  other.run.name = "uncut";
  const std::vector<double> whole = run(other, job(), backend(), kSteps);
  EXPECT_EQ(run(config_, job(), backend(), kSteps, checkpoint(config_)),
            std::vector<double>(whole.begin() + kCut, whole.end()));
}

TEST_F(Resume, a_damaged_checkpoint_is_passed_over) {
  run(config_, job(), test::make_backend(Arithmetic::f32), 3);
  run(config_, job(), test::make_backend(Arithmetic::f32), kCut, choose(config_));
  EXPECT_EQ(choose(config_), checkpoint(config_, kCut));
  damage(checkpoint(config_, kCut));
  EXPECT_EQ(choose(config_), checkpoint(config_, 3));
  damage(checkpoint(config_, 3));
  const std::string message = message_of<Error>([&] { choose(config_); });
  expect_on_first(message, "none of its 2 checkpoints is whole; move the folder away");
}

TEST_F(Resume, of_another_training_is_refused_with_the_key) {
  run(config_, job(), test::make_backend(Arithmetic::f32), 2);
  TrainConfig other = config_;
  other.optimizer.lr = 0.5;
  const std::string message = message_of<Error>([&] { choose(other); });
  for (const char* const part :
       {"optimizer.lr is '0.5'", "was written with '0.01')", "checkpoint.from="})
    expect_on_first(message, part);
  other = config_;
  other.data.document_mask = true;
  const std::string masked = message_of<Error>([&] { choose(other); });
  expect_on_first(masked, "data.document_mask is 'true' (");
  other = config_;
  other.layout.strategy = ParallelStrategy::zero2;
  other.eval.interval = 3;
  EXPECT_EQ(choose(other), checkpoint(config_, 2));
}

TEST_F(Resume, with_other_data_is_refused) {
  run(config_, job(), test::make_backend(Arithmetic::f32), 2);
  const test::TinyData data(1200);
  config_.data.path = data.folder();
  const std::string message = message_of<Error>([&] { choose(config_); });
  expect_on_first(message, "the training data are not those");
}

TEST_F(Resume, off_with_checkpoints_there_is_refused) {
  run(config_, job(), test::make_backend(Arithmetic::f32), 2);
  config_.checkpoint.resume = false;
  const std::string message = message_of<Error>([&] { choose(config_); });
  expect_on_first(message, "choose another run.name or move the folder away");
  config_.run.name = "other";
  EXPECT_EQ(choose(config_), std::nullopt);
}

TEST_F(Resume, a_run_of_another_name_begins_with_the_checkpoint_it_names) {
  run(config_, job(), test::make_backend(Arithmetic::f32), 4);
  TrainConfig branch = config_;
  branch.run.name = "branch";
  branch.optimizer.lr = 1e-3;
  branch.checkpoint.from = checkpoint(config_, 4);
  EXPECT_EQ(choose(branch), checkpoint(config_, 4));
  run(branch, job(), test::make_backend(Arithmetic::f32), 5, choose(branch));
  EXPECT_EQ(choose(branch), checkpoint(branch, 5));  // its own from now on
  branch.run.name = "third";
  branch.checkpoint.from = folder_.path() / "nowhere";
  const std::string message = message_of<Error>([&] { choose(branch); });
  expect_on_first(message, "is no checkpoint");
}

TEST_F(Resume, of_another_model_is_refused_with_the_tensor) {
  run(config_, job(), test::make_backend(Arithmetic::f32), 2);
  TrainConfig other = config_;
  other.run.name = "other";
  other.model.d_ff = 32;
  const std::string message = message_of<Error>(
      [&] { run(other, job(), test::make_backend(Arithmetic::f32), 3, checkpoint(config_, 2)); });
  expect_on_first(message, "ffn");
  expect_on_first(message, "it is of another model");
}

/// Rank 0 cannot write: the checkpoint folder is a file.
TEST_F(Resume, a_failed_checkpoint_does_not_stop_training_but_the_last_one_is_an_error) {
  config_.checkpoint.folder = folder_.path() / "file";
  if (job().info().rank == 0) std::ofstream(config_.checkpoint.folder) << "x";
  job().max_over_ranks(0);
  config_.checkpoint.interval = 3;
  const std::unique_ptr<Session> session = trained(config_);
  EXPECT_THROW(session->checkpoints().save_last(kSteps), Error);
}

}  // namespace
}  // namespace isoflop
