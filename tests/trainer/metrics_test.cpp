// SPDX-License-Identifier: MIT
// Runs on 1, 2 and 4 ranks: what steps leave about tensors and ranks is what can be worked out from
// parameters and devices, however the run is spread.
#include "core/run/run_reader.hpp"
#include "tiny_training.hpp"
#include "trainer/telemetry/recorder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <ostream>
#include <span>
#include <string>
#include <vector>

namespace isoflop {
namespace {

using Values = std::vector<double>;

Values copy_of(std::span<const double> values) { return {values.begin(), values.end()}; }

/// What a step leaves about the model's tensors, one replica's.
struct TensorValues {
  Values sums, extremes, norms;
};

/// Every step's, read one step late as train() does.
std::vector<TensorValues> train_values(const TrainConfig& config, Launch& launch, Backend backend) {
  Session session = test::make_session(config, launch, std::move(backend));
  std::vector<TensorValues> steps;
  const auto read = [&](int64_t step) {
    const StepReadback readback = session.io().wait(step);
    Values norms = copy_of(readback.norms);
    for (double& norm : norms) norm /= static_cast<double>(session.layout().n_replica);
    steps.push_back({copy_of(readback.sums), copy_of(readback.extremes), norms});
  };
  for (int64_t step = 1; step <= config.schedule.steps; ++step) {
    enqueue_step(session, step);
    if (step > 1) read(step - 1);
  }
  read(config.schedule.steps);
  return steps;
}

/// Sums of squares by tensor of one rank that holds everything.
Values squares_of(const Session& session, const Values& values) {
  Values squares;
  for (const FlatUnit& unit : session.flat_layout().units) {
    for (const FlatSegment& segment : unit.segments) {
      double sum = 0;
      for (int64_t i = 0; i < segment.tensor.size(); ++i) {
        const double value =
            values.at(static_cast<std::size_t>(unit.shard_offset + segment.offset + i));
        sum += value * value;
      }
      squares.push_back(sum);
    }
  }
  return squares;
}

void expect_near(const Values& actual, const Values& expected, double relative,
                 const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  for (std::size_t i = 0; i < actual.size(); ++i)
    EXPECT_NEAR(actual[i], expected[i], relative * (std::abs(expected[i]) + 1e-3)) << what << i;
}

struct MetricsCase {
  ParallelStrategy strategy;
  OptimizerKind optimizer = OptimizerKind::adamw;
  bool gpt2_tied = false;
};

void PrintTo(const MetricsCase& c, std::ostream* out) {
  *out << enum_name(kStrategyNames, c.strategy) << '_'
       << enum_name(kOptimizerKindNames, c.optimizer) << (c.gpt2_tied ? "_gpt2_tied" : "_llama");
}

class Metrics : public testing::TestWithParam<MetricsCase> {
 protected:
  TrainConfig config() const {
    TrainConfig config = test::tiny_config(
        GetParam().gpt2_tied ? test::tiny_gpt2() : test::tiny_llama(), data_.folder());
    config.model.tied_embeddings = GetParam().gpt2_tied;
    config.layout.strategy = GetParam().strategy;
    if (GetParam().strategy == ParallelStrategy::hsdp)
      config.layout.n_shard = std::min(2, job_->info().world_size);
    config.optimizer.kind = GetParam().optimizer;
    config.schedule.steps = 3;
    return config;
  }
  const std::unique_ptr<Launch> job_ = make_launch(nullptr, nullptr);
  test::TinyData data_;
};

// f64 sums in another order; gradients differ by 1e-13, which the first AdamW steps carry on.
TEST_P(Metrics, by_tensor_are_those_of_one_rank) {
  TrainConfig alone = config();
  alone.layout.strategy = ParallelStrategy::ddp;
  SingleLaunch one_rank("here");
  const auto expected = train_values(alone, one_rank, make_reference_backend({}));
  const auto spread = train_values(config(), *job_, make_reference_backend({}));
  ASSERT_EQ(spread.size(), expected.size());
  for (std::size_t i = 0; i < spread.size(); ++i) {
    expect_near(spread[i].sums, expected[i].sums, 1e-8, "sums ");
    expect_near(spread[i].extremes, expected[i].extremes, 1e-8, "extremes ");
    expect_near(spread[i].norms, expected[i].norms, 1e-8, "norms ");
  }
}

TEST_P(Metrics, do_not_depend_on_the_order_of_streams) {
  const auto in_order = train_values(config(), *job_, make_cpu_backend({}));
  for (const uint64_t seed : {1, 2}) {
    const auto deferred =
        train_values(config(), *job_,
                     make_cpu_backend({.mode = CpuStreamMode::deferred, .schedule_seed = seed}));
    for (std::size_t i = 0; i < in_order.size(); ++i) {
      EXPECT_EQ(deferred[i].sums, in_order[i].sums) << seed;
      EXPECT_EQ(deferred[i].extremes, in_order[i].extremes) << seed;
      EXPECT_EQ(deferred[i].norms, in_order[i].norms) << seed;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, Metrics,
    testing::Values(MetricsCase{ParallelStrategy::ddp},
                    MetricsCase{ParallelStrategy::ddp, OptimizerKind::adamw, true},
                    MetricsCase{ParallelStrategy::ddp, OptimizerKind::muon},
                    MetricsCase{ParallelStrategy::fsdp, OptimizerKind::muon},
                    MetricsCase{ParallelStrategy::zero1}, MetricsCase{ParallelStrategy::zero2},
                    MetricsCase{ParallelStrategy::hsdp}, MetricsCase{ParallelStrategy::fsdp},
                    MetricsCase{ParallelStrategy::fsdp, OptimizerKind::adamw, true}),
    testing::PrintToStringParamName());

/// One rank, for values that can be worked out from what it holds.
class MetricsAlone : public testing::Test {
 protected:
  Values parameters() const {
    const auto* const data = static_cast<const double*>(session_.shard().params().data);
    return {data, data + session_.shard().params().size()};
  }
  TensorValues step(int64_t number) {
    enqueue_step(session_, number);
    const StepReadback readback = session_.io().wait(number);
    return {copy_of(readback.sums), copy_of(readback.extremes), copy_of(readback.norms)};
  }
  SingleLaunch alone_{"here"};
  test::TinyData data_;
  TrainConfig config_ = test::tiny_config(test::tiny_llama(), data_.folder());
  Session session_ = test::make_session(config_, alone_, make_reference_backend({}));
};

TEST_F(MetricsAlone, norms_are_of_the_parameters_after_the_step_and_of_their_change) {
  for (int64_t number = 1; number <= 3; ++number) {
    const Values before = parameters();
    const Values norms = step(number).norms;
    const Values after = parameters();
    Values change;
    for (std::size_t i = 0; i < after.size(); ++i) change.push_back(after[i] - before[i]);
    const Values params = squares_of(session_, after), changes = squares_of(session_, change);
    for (std::size_t tensor = 0; tensor < params.size(); ++tensor) {
      EXPECT_NEAR(norms.at(2 * tensor), params[tensor], 1e-12 * params[tensor]) << tensor;
      EXPECT_NEAR(norms.at(2 * tensor + 1), changes[tensor], 1e-9 * changes[tensor]) << tensor;
      EXPECT_GT(changes[tensor], 0) << tensor;
    }
  }
}

TEST_F(MetricsAlone, sums_and_extremes_are_of_the_gradients) {
  const TensorValues values = step(1);
  const auto* const data = static_cast<const double*>(session_.shard().grads().data);
  const Values grads(data, data + session_.shard().grads().size());
  const Values squares = squares_of(session_, grads);
  for (std::size_t tensor = 0; tensor < squares.size(); ++tensor) {
    EXPECT_NEAR(values.sums.at(3 * tensor + 1), squares[tensor], 1e-12 * squares[tensor]) << tensor;
    EXPECT_EQ(values.sums.at(3 * tensor + 2), 0) << tensor;
  }
  double lowest = 0, highest = 0;
  for (std::size_t tensor = 0; tensor < squares.size(); ++tensor) {
    lowest = std::max(lowest, values.extremes.at(2 * tensor));
    highest = std::max(highest, values.extremes.at(2 * tensor + 1));
  }
  EXPECT_EQ(-lowest, *std::min_element(grads.begin(), grads.end()));
  EXPECT_EQ(highest, *std::max_element(grads.begin(), grads.end()));
}

class MetricsOfRanks : public testing::Test {
 protected:
  const std::unique_ptr<Launch> job_ = make_launch(nullptr, nullptr);
  test::TinyData data_;
  TrainConfig config_ = test::tiny_config(test::tiny_llama(), data_.folder());
};

TEST_F(MetricsOfRanks, memory_is_the_most_over_ranks) {
  Session session = test::make_session(config_, *job_, make_cpu_backend({}));
  Device& device = *session.backend().device;
  const int64_t rank = job_->info().rank;
  const Buffer more = device.allocate(1000 * (5 - rank), MemoryCategory::state);
  enqueue_step(session, 1);
  const RankMemory most = session.io().wait(1).memory;
  const MemoryUsage own = device.memory_usage();
  EXPECT_EQ(most.allocated, job_->max_over_ranks(static_cast<double>(own.allocated)));
  EXPECT_EQ(most.peak, job_->max_over_ranks(static_cast<double>(own.peak)));
  EXPECT_EQ(most.reserved, job_->max_over_ranks(static_cast<double>(own.reserved)));
  EXPECT_EQ(most.allocated > static_cast<double>(own.allocated), rank > 0);
}

// Of the second step before: the last that is over on every rank when a step begins.
TEST_F(MetricsOfRanks, every_rank_learns_the_times_of_all) {
  Session session = test::make_session(config_, *job_, make_cpu_backend({}));
  Values own;
  for (int64_t step = 1; step <= 5; ++step) {
    enqueue_step(session, step);
    const StepReadback readback = session.io().wait(step);
    own.push_back(session.timer().times(step).step);
    ASSERT_EQ(readback.rank_times.size(), 2U * static_cast<std::size_t>(job_->info().world_size));
    EXPECT_EQ(readback.rank_times_step, std::max<int64_t>(step - 2, 0));
    if (step <= 2) {
      EXPECT_THAT(readback.rank_times, testing::Each(0.0));
      continue;
    }
    const Values of_all = job_->gather_to_all(own.at(static_cast<std::size_t>(step - 3)));
    for (std::size_t rank = 0; rank < of_all.size(); ++rank)
      EXPECT_EQ(readback.rank_times[2 * rank], of_all[rank]) << rank;
  }
}

/// The run file of a whole run, on rank 0.
class RecordedMetrics : public MetricsOfRanks {
 protected:
  TrainEnd run(int64_t interval) {
    config_.metrics.gradient_interval = interval;
    std::optional<RunWriter> writer;
    if (is_first()) {
      RunHeader header;
      header.identity.run_id = "tiny";
      header.hardware.world_size = job_->info().world_size;
      header.unit_names = {"embedding", "block0", "block1", "head"};
      writer.emplace(path_, header);
    }
    Session session = test::make_session(config_, *job_, make_cpu_backend({}, config_.precision));
    Recorder recorder(session.config(), session.schedule(), session.layout(), job_->ranks(),
                      session.unit_of_tensor(), std::move(writer));
    const TrainEnd end = train(session, recorder);
    recorder.finish(RunState::done);
    return end;
  }
  bool is_first() const { return job_->info().rank == 0; }
  RunFile file() const { return read_run_or_throw(path_); }
  test::TempDir folder_;
  std::filesystem::path path_ = folder_ / "tiny.s000.h5";
};

TEST_F(RecordedMetrics, a_row_of_rank_times_has_those_of_every_rank) {
  config_.eval.interval = 6;
  run(1);
  if (!is_first()) return;
  const RunFile run = file();
  ASSERT_EQ(run.rank_times.size(), 18U);
  for (std::size_t i = 0; i < 18; ++i) {
    const RankTimesRecord& row = run.rank_times[i];
    ASSERT_EQ(row.step, static_cast<int64_t>(i + 1));
    ASSERT_EQ(row.step_s.size(), static_cast<std::size_t>(job_->info().world_size));
    EXPECT_EQ(row.step_s[0], run.steps.at(i).step_s) << row.step;
    EXPECT_EQ(row.comm_s[0], run.steps.at(i).comm_s) << row.step;
    for (std::size_t rank = 0; rank < row.step_s.size(); ++rank) {
      EXPECT_GT(row.comm_s[rank], 0) << rank;
      EXPECT_GT(row.step_s[rank], row.comm_s[rank]) << rank;
    }
  }
}

TEST_F(RecordedMetrics, rows_of_gradients_agree_with_those_of_steps_and_layers) {
  run(7);
  if (!is_first()) return;
  const RunFile run = file();
  ASSERT_EQ(run.gradients.size(), 3U);
  ASSERT_EQ(run.layer_norms.size(), 3U);
  const auto norm_of = [](const std::vector<float>& norms) {
    double squares = 0;
    for (const float norm : norms) squares += static_cast<double>(norm) * norm;
    return static_cast<float>(std::sqrt(squares));
  };
  for (std::size_t i = 0; i < 3; ++i) {
    const GradientRecord& row = run.gradients[i];
    EXPECT_EQ(row.step, std::vector<int64_t>({1, 7, 14})[i]);
    EXPECT_EQ(row.norm, run.steps.at(static_cast<std::size_t>(row.step - 1)).grad_norm);
    const LayerNormRecord& layers = run.layer_norms[i];
    EXPECT_EQ(layers.step, row.step);
    EXPECT_FLOAT_EQ(norm_of(layers.gradient), row.norm.value());
    EXPECT_FLOAT_EQ(norm_of(layers.parameter), row.param_norm.value());
    EXPECT_FLOAT_EQ(norm_of(layers.update), row.update_norm.value());
    EXPECT_LT(row.min, row.mean);
    EXPECT_LT(row.mean, row.max);
  }
}

TEST_F(RecordedMetrics, interval_0_records_steps_only) {
  run(0);
  if (!is_first()) return;
  const RunFile run = file();
  EXPECT_EQ(run.steps.size(), 20U);
  EXPECT_TRUE(run.gradients.empty() && run.layer_norms.empty() && run.rank_times.empty());
}

// At 2^24 the first gradients overflow f16.
TEST_F(RecordedMetrics, skipped_steps_update_nothing) {
  config_.precision = Precision::fp16;
  config_.loss_scale.initial = 0x1p24;
  run(1);
  if (!is_first()) return;
  const RunFile run = file();
  std::size_t n_skipped = 0;
  for (std::size_t i = 0; i < 20; ++i) {
    const bool skipped = run.steps[i].flags & kStepSkipped;
    n_skipped += skipped;
    EXPECT_EQ(run.gradients[i].update_norm == 0.0F, skipped) << i;
    EXPECT_EQ(run.gradients[i].param_norm.has_value(), !skipped) << i;
    EXPECT_EQ(run.gradients[i].nonfinite > 0, skipped) << i;
    EXPECT_THAT(run.layer_norms[i].update,
                testing::Each(skipped ? testing::Matcher<float>(0.0F) : testing::Gt(0.0F)))
        << i;
  }
  EXPECT_GT(n_skipped, 0U);
  EXPECT_LT(n_skipped, 10U);
}

}  // namespace
}  // namespace isoflop
