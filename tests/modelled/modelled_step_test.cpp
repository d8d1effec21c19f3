// SPDX-License-Identifier: MIT
// Steps of real sizes, as the trainer enqueues them, priced: modelled, not measured.
#include "core/hardware/mfu.hpp"
#include "core/model/flops.hpp"
#include "core/model/model_config.hpp"
#include "modelled/recorded_steps.hpp"
#include "modelled/step_profile.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

namespace isoflop::test {
namespace {

constexpr int kGpus = 8;
constexpr int kSteps = 5;              ///< until the host is as far ahead as it gets
constexpr double kPeakTflops = 989.4;  // data/gpus.yaml, H100-SXM5-80GB, bf16

TrainConfig config_of(const std::string& model, int64_t seq_len) {
  TrainConfig config;
  config.run.name = "modelled";
  config.model = load_model(std::string(ISOFLOP_SOURCE_DIR) + "/configs/models/" + model + ".yaml");
  config.model.max_seq_len = std::max(config.model.max_seq_len, seq_len);
  config.data.seq_len = seq_len;
  config.precision = Precision::bf16;
  config.layout.strategy = ParallelStrategy::fsdp;
  config.layout.micro_batch_size = 1;
  config.layout.global_batch_size = kGpus;
  config.schedule.steps = kSteps;
  return config;
}

double causal_mfu(const TrainConfig& config, const StepProfile& profile) {
  const double tokens = static_cast<double>(config.tokens_per_step()) / kGpus;
  return mfu(train_flops_per_token(config.model, config.data.seq_len), tokens / profile.step_s,
             kPeakTflops);
}

double mfu_of(const TrainConfig& config,
              const std::vector<std::vector<emulation::TimelineEntry>>& steps,
              const GpuRates& rates = {}) {
  return causal_mfu(config, profile_of(play(steps, rates), rates));
}

/// Prints the profile.
double modelled_mfu(const TrainConfig& config) {
  const GpuRates rates;
  const RecordedSteps recorded = record_steps(config, kGpus, kSteps);
  const StepProfile profile = profile_of(play(recorded.steps, rates), rates);
  const double mfu = causal_mfu(config, profile);
  std::cout << to_text(
                   profile,
                   fmt::format(
                       "{}, T = {}, micro batch {} x {}, {}, {} H100: {:.1f} % causal MFU",
                       config.model.name, config.data.seq_len, config.layout.micro_batch_size,
                       config.layout.global_batch_size / (kGpus * config.layout.micro_batch_size),
                       enum_name(kStrategyNames, config.layout.strategy), kGpus, 100 * mfu))
            << std::endl;
  return mfu;
}

TEST(ModelledStep, llama3_8b_at_8192_tokens_fully_sharded_reaches_54_percent) {
  EXPECT_GE(modelled_mfu(config_of("llama3-8b", 8192)), 0.54);
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
  const TrainConfig config = config_of("llama3-8b", 8192);
  const RecordedSteps recorded = record_steps(config, kGpus, kSteps);
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
