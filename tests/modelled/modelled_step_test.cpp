// SPDX-License-Identifier: MIT
// Steps of real sizes, as the trainer enqueues them, priced: modelled, not measured.
#include "core/hardware/mfu.hpp"
#include "core/model/flops.hpp"
#include "modelled/modelled_jobs.hpp"
#include "modelled/recorded_steps.hpp"
#include "modelled/step_profile.hpp"

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

/// Prints the profile.
double modelled_mfu(const ModelledJob& job) {
  const TrainConfig config = config_of(job);
  const GpuRates rates;
  const RecordedSteps recorded = record_steps(config, kModelledGpus, kSteps);
  const StepProfile profile = profile_of(play(recorded.steps, rates), rates);
  const double mfu = causal_mfu(config, profile);
  std::cout << to_text(profile, fmt::format("{}: {:.1f} % causal MFU", describe(config), 100 * mfu))
            << std::endl;
  return mfu;
}

const ModelledJob kLlama3{.model = "llama3-8b", .seq_len = 8192};

TEST(ModelledStep, llama3_8b_at_8192_tokens_fully_sharded) {
  EXPECT_GE(modelled_mfu(kLlama3), 0.54);
}

TEST(ModelledStep, llama_7b_at_2048_tokens) {
  EXPECT_GE(
      modelled_mfu({.model = "llama-7b", .seq_len = 2048, .micro_batch_size = 4, .micro_steps = 4}),
      0.5);
}

TEST(ModelledStep, qwen2_5_1_5b_at_1024_tokens) {
  EXPECT_GE(modelled_mfu({.model = "gpt2-1558m",
                          .seq_len = 1024,
                          .micro_batch_size = 8,
                          .micro_steps = 4,
                          .strategy = ParallelStrategy::zero1}),
            0.4);
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
  rates.collective_multiprocessors = 66;
  EXPECT_LT(mfu_of(config, recorded.steps, rates), mfu - 0.03);
  rates = {};
  rates.host_call_s = 1e-3;
  EXPECT_LT(mfu_of(config, recorded.steps, rates), mfu - 0.3);
}

}  // namespace
}  // namespace isoflop::test
