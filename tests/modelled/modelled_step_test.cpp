// SPDX-License-Identifier: MIT
// Steps of real sizes, as the trainer enqueues them, priced: modelled, not measured.
#include "core/hardware/mfu.hpp"
#include "core/model/flops.hpp"
#include "modelled/modelled_jobs.hpp"
#include "modelled/recorded_steps.hpp"
#include "modelled/step_profile.hpp"
#include "trainer/comm/nccl_communicator.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <vector>

namespace isoflop::test {
namespace {

constexpr int kSteps = 5;              // until the host is as far ahead as it gets
constexpr double kPeakTflops = 989.4;  // data/gpus.yaml, H100-SXM5-80GB, bf16

double causal_mfu(const TrainConfig& config, const StepProfile& profile) {
  const double tokens = static_cast<double>(config.tokens_per_step()) / kModelledGpus;
  return mfu(train_flops_per_token(config.model, config.data.seq_len), tokens / profile.step_s,
             kPeakTflops);
}

double mfu_of(const TrainConfig& config,
              const std::vector<std::vector<emulation::TimelineEntry>>& steps,
              const GpuRates& rates = {}) {
  return causal_mfu(config, profile_of(play(steps, rates), rates));
}

/// FLOP/s of the products of a step, slowed down by what runs beside them.
double product_rate(const StepProfile& profile) {
  for (const ProfileRow& row : profile.rows)
    if (row.name == kProducts) return row.flops / row.seconds;
  return 0;
}

struct Modelled {
  double mfu = 0;
  double product_rate = 0;
};

/// Prints the profile, and the MFU where products have no more than 650 TFLOP/s by themselves.
Modelled model(const ModelledJob& job) {
  constexpr double kTera = 1e12;
  const TrainConfig config = config_of(job);
  const GpuRates rates;
  const RecordedSteps recorded = record_steps(config, kModelledGpus, kSteps);
  const StepProfile profile = profile_of(play(recorded.steps, rates), rates);
  const Modelled result{causal_mfu(config, profile), product_rate(profile)};
  GpuRates slower;
  slower.product_flops = 650 * kTera;
  std::cout
      << to_text(profile, describe(config))
      << fmt::format(
             "modelled: {:.1f} % causal MFU, products at {:.0f} TFLOP/s in the step; {:.1f} % "
             "with products at 650 TFLOP/s by themselves\n",
             100 * result.mfu, result.product_rate / kTera,
             100 * mfu_of(config, recorded.steps, slower))
      << std::endl;
  return result;
}

const ModelledJob kLlama3{.model = "llama3-8b", .seq_len = 8192};

TEST(ModelledStep, llama3_8b_at_8192_tokens_fully_sharded_reaches_56_percent) {
  const Modelled step = model(kLlama3);
  EXPECT_GE(step.mfu, 0.56);
  EXPECT_LE(step.product_rate, 650e12);  // what GpuRates::product_flops is chosen for
}

TEST(ModelledStep, llama_7b_at_2048_tokens_reaches_60_percent) {
  EXPECT_GE(model({.model = "llama-7b",
                   .seq_len = 2048,
                   .micro_batch_size = 2,
                   .micro_steps = 16,
                   .strategy = ParallelStrategy::zero1})
                .mfu,
            0.60);
}

TEST(ModelledStep, qwen2_5_1_5b_at_1024_tokens_reaches_55_percent) {
  EXPECT_GE(model({.model = "qwen2.5-1.5b",
                   .seq_len = 1024,
                   .micro_batch_size = 16,
                   .micro_steps = 8,
                   .strategy = ParallelStrategy::zero1})
                .mfu,
            0.55);
}

TEST(ModelledStep, every_collective_keeps_to_the_cap_of_ctas) {
  const RecordedSteps recorded = record_steps(config_of(kLlama3), kModelledGpus, 2);
  int64_t n_collective = 0;
  for (const emulation::TimelineEntry& entry : recorded.steps.back()) {
    if (entry.work.kind != emulation::WorkKind::collective) continue;
    ++n_collective;
    EXPECT_EQ(entry.work.n_block, kMostNcclCtas) << entry.name;
  }
  // 34 units forward, 31 blocks again in backward, 34 reductions, 3 sums of statistics
  EXPECT_EQ(n_collective, 34 + 31 + 34 + 3);
}

/// The step with every operation behind the one enqueued before it.
std::vector<std::vector<emulation::TimelineEntry>> serialised(
    std::vector<std::vector<emulation::TimelineEntry>> steps) {
  std::vector<int64_t> last;
  for (auto& step : steps)
    for (emulation::TimelineEntry& entry : step) {
      last.resize(std::max(last.size(), entry.after.size()));
      for (std::size_t i = 0; i < last.size(); ++i)
        entry.after[i] = std::max(entry.after[i], last[i]);
      last[static_cast<std::size_t>(entry.stream)] = entry.number;
    }
  return steps;
}

/// What the figure rests on: each of these alone costs points.
TEST(ModelledStep, slow_links_serialised_streams_and_a_slow_host_lower_the_mfu) {
  const TrainConfig config = config_of(kLlama3);
  const RecordedSteps recorded = record_steps(config, kModelledGpus, kSteps);
  const double mfu = mfu_of(config, recorded.steps);
  EXPECT_LT(mfu_of(config, serialised(recorded.steps)), mfu - 0.05);
  GpuRates rates;
  rates.link_bytes_per_s = 45e9;
  EXPECT_LT(mfu_of(config, recorded.steps, rates), mfu - 0.15);
  rates = {};
  rates.n_multiprocessor = 32;
  EXPECT_LT(mfu_of(config, recorded.steps, rates), mfu - 0.03);
  rates = {};
  rates.host_call_s = 1e-3;
  EXPECT_LT(mfu_of(config, recorded.steps, rates), mfu - 0.3);
}

}  // namespace
}  // namespace isoflop::test
