// SPDX-License-Identifier: MIT
// Steps of real sizes, as the trainer enqueues them, priced: modelled, not measured.
#include "core/hardware/mfu.hpp"
#include "core/model/flops.hpp"
#include "modelled/modelled_jobs.hpp"
#include "modelled/moved_operations.hpp"
#include "modelled/recorded_steps.hpp"
#include "modelled/step_profile.hpp"
#include "trainer/comm/nccl_communicator.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

namespace isoflop::test {
namespace {

constexpr int kSteps = 5;              // until the host is as far ahead as it gets
constexpr double kPeakTflops = 989.4;  // data/gpus.yaml, H100-SXM5-80GB, bf16

double causal_mfu(const TrainConfig& config, const StepProfile& profile) {
  const double tokens = static_cast<double>(config.tokens_per_step()) / n_gpu_of(config);
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

GpuRates with_products_at_650_alone() {
  GpuRates rates;
  rates.product_flops = 650e12;
  return rates;
}

/// At T tokens T / (T + 800) of what very long sequences have (data/calibration.yaml,
/// attention_half_length), and at 8192 what GpuRates says.
GpuRates with_slower_attention(int64_t seq_len) {
  constexpr double kHalfLength = 800;
  const auto part = [](double T) { return T / (T + kHalfLength); };
  const double slower = part(static_cast<double>(seq_len)) / part(8192);
  GpuRates rates;
  rates.attention_forward_flops *= slower;
  rates.attention_backward_flops *= slower;
  return rates;
}

GpuRates with_links_of(double bytes_per_s) {
  GpuRates rates;
  rates.link_bytes_per_s = bytes_per_s;
  return rates;
}

/// Prints the profile, and the MFU where one assumed rate at a time is lower.
Modelled model(const ModelledJob& job) {
  constexpr double kTera = 1e12;
  const TrainConfig config = config_of(job);
  const GpuRates rates;
  const RecordedSteps recorded = record_steps(config, kSteps);
  const StepProfile profile = profile_of(play(recorded.steps, rates), rates);
  const Modelled result{causal_mfu(config, profile), product_rate(profile)};
  const auto percent = [&](const GpuRates& other) {
    return 100 * mfu_of(config, recorded.steps, other);
  };
  std::cout
      << to_text(profile, describe(config))
      << fmt::format(
             "modelled: {:.1f} % causal MFU, products at {:.0f} TFLOP/s in the step; {:.1f} % "
             "with products at 650 TFLOP/s by themselves, {:.1f} % with attention slower the "
             "shorter sequences are, {:.1f} % with links of 250 GB/s\n",
             100 * result.mfu, result.product_rate / kTera, percent(with_products_at_650_alone()),
             percent(with_slower_attention(job.seq_len)), percent(with_links_of(250e9)))
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

/// Micro batches so small that the host is the slower of the two.
TEST(ModelledStep, graphs_free_a_small_model_of_the_host) {
  const ModelledJob job{.model = "gpt2-124m",
                        .seq_len = 512,
                        .micro_batch_size = 1,
                        .micro_steps = 8,
                        .strategy = ParallelStrategy::zero1};
  TrainConfig config = config_of(job);
  const double with = mfu_of(config, record_steps(config, kSteps).steps);
  config.device.graphs = false;
  const double without = mfu_of(config, record_steps(config, kSteps).steps);
  std::cout << fmt::format("{}: modelled causal MFU {:.1f} % with graphs, {:.1f} % without\n",
                           describe(config), 100 * with, 100 * without);
  EXPECT_GT(with, 1.05 * without);
}

int64_t n_named(const std::vector<emulation::TimelineEntry>& step, const std::string& name) {
  return std::count_if(step.begin(), step.end(),
                       [&](const auto& entry) { return entry.name == name; });
}

TEST(ModelledStep, products_that_end_with_gelu_speed_gpt2_up) {
  TrainConfig config = config_of({.model = "gpt2-1558m",
                                  .seq_len = 1024,
                                  .micro_batch_size = 8,
                                  .micro_steps = 8,
                                  .strategy = ParallelStrategy::zero1});
  const RecordedSteps fused = record_steps(config, kSteps);
  config.device.fuse_gelu = false;
  const RecordedSteps separate = record_steps(config, kSteps);
  for (const char* name : {"activation_forward", "activation_backward"}) {
    EXPECT_EQ(n_named(fused.steps.back(), name), 0);
    EXPECT_EQ(n_named(separate.steps.back(), name), 48 * 8) << "of 48 blocks in 8 micro steps";
  }
  const double with = mfu_of(config, fused.steps), without = mfu_of(config, separate.steps);
  std::cout << fmt::format("{}: modelled causal MFU {:.1f} % with GELU in products, {:.1f} % not\n",
                           describe(config), 100 * with, 100 * without);
  EXPECT_GT(with, 1.01 * without);
}

TEST(ModelledStep, every_collective_keeps_to_the_cap_of_ctas) {
  const RecordedSteps recorded = record_steps(config_of(kLlama3), 2);
  int64_t n_collective = 0;
  for (const emulation::TimelineEntry& entry : recorded.steps.back()) {
    if (entry.work.kind != emulation::WorkKind::collective) continue;
    ++n_collective;
    EXPECT_EQ(entry.work.n_block, kMostNcclCtas) << entry.name;
  }
  // 34 units forward, 31 blocks again in backward, 34 reductions, 3 sums of statistics
  EXPECT_EQ(n_collective, 34 + 31 + 34 + 3);
}

TEST(ModelledStep, every_gather_and_reduction_is_on_buffers_that_nccl_knows_if_asked) {
  ModelledJob job = kLlama3;
  job.nccl_registration = NcclRegistration::symmetric;
  const RecordedSteps recorded = record_steps(config_of(job), 2);
  int64_t n_registered = 0;
  for (const emulation::TimelineEntry& entry : recorded.steps.back()) {
    if (entry.work.is_registered) ++n_registered;
    if (entry.name == "ncclAllGather") {
      EXPECT_EQ(entry.work.n_block, 0);  // copy engines
    }
  }
  EXPECT_EQ(n_registered, 34 + 31 + 34);  // all but the sums of statistics
}

TEST(ModelledStep, gathers_by_copy_engines_leave_their_multiprocessors_to_products) {
  ModelledJob job = kLlama3;
  const double mfu = mfu_of(config_of(job), record_steps(config_of(job), kSteps).steps);
  job.nccl_registration = NcclRegistration::symmetric;
  const double symmetric = mfu_of(config_of(job), record_steps(config_of(job), kSteps).steps);
  std::cout << fmt::format(
      "modelled: {}: {:.2f} % causal MFU with symmetric buffers, {:.2f} % without\n",
      describe(config_of(job)), 100 * symmetric, 100 * mfu);
  EXPECT_GT(symmetric, 1.005 * mfu);
}

/// What Muon enqueues in a step, of kernels and products.
std::vector<emulation::TimelineEntry> muon_launches(int n_gpu) {
  const TrainConfig config = config_of({.model = "gpt2-124m",
                                        .seq_len = 1024,
                                        .strategy = ParallelStrategy::ddp,
                                        .n_gpu = n_gpu,
                                        .optimizer = OptimizerKind::muon});
  const RecordedSteps recorded = record_steps(config, 2);
  const std::vector<emulation::TimelineEntry>& step = recorded.steps.back();
  const auto first = std::find_if(step.begin(), step.end(),
                                  [](const auto& entry) { return entry.name == "muon_direction"; });
  std::vector<emulation::TimelineEntry> launches;
  std::copy_if(first, step.end(), std::back_inserter(launches), [](const auto& entry) {
    return entry.name == "cublasLtMatmul" || entry.name.starts_with("muon_");
  });
  return launches;
}

// 72 matrices of 12 layers: three kernels for each, and 15 products for each batch of one shape: 8
// on one GPU (muon_owners_test.cpp); 2 of 768 x 3072, 1 of 3072 x 768 and 6 square ones on the
// first of eight. With each matrix by itself it would be 18 for each: 1,296 and 162.
TEST(ModelledMuon, products_are_of_all_matrices_of_a_shape) {
  EXPECT_EQ(muon_launches(1).size(), 3 * 72 + 15 * 8);
  const std::vector<emulation::TimelineEntry> on_eight = muon_launches(8);
  EXPECT_EQ(on_eight.size(), 3 * 9 + 15 * 3);
  double flops = 0;
  for (const emulation::TimelineEntry& entry : on_eight) flops += entry.work.flops;
  EXPECT_EQ(flops, 5 * (3 * 18.0 + 6 * 6.0) * 768 * 768 * 768);
}

/// Its copies come first in the recorded step; a device's fourth stream is that of readback.
TEST(ModelledStep, the_state_is_copied_for_a_checkpoint_beside_both_passes_of_the_next_step) {
  constexpr std::size_t kReadback = 3;
  const TrainConfig config = config_of({.model = "gpt2-124m", .seq_len = 1024});
  const std::vector<emulation::TimelineEntry> step = record_steps(config, 4, 3).steps.back();
  const auto first = std::find_if(step.begin(), step.end(),
                                  [](const auto& entry) { return entry.stream != kReadback; });
  ASSERT_GT(first - step.begin(), 100) << "copies of the state";
  const int64_t last_copy = std::prev(first)->number;
  for (const emulation::TimelineEntry& entry : step) {
    if (entry.name == "cublasLtMatmul") {
      EXPECT_LT(entry.after.at(kReadback), last_copy);
    } else if (entry.name == "adamw") {
      EXPECT_GE(entry.after.at(kReadback), last_copy);
    }
  }
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

const ModelledJob kTwoNodes{.model = "llama3-8b",
                            .seq_len = 8192,
                            .strategy = ParallelStrategy::hsdp,
                            .n_gpu = 2 * kGpusPerNode};

TEST(ModelledStep, llama3_8b_on_two_nodes_sharded_within_each_reaches_55_percent) {
  EXPECT_GE(model(kTwoNodes).mfu, 0.55);
}

/// With so many CTAs for each collective.
double mfu_with_ctas(const TrainConfig& config,
                     std::vector<std::vector<emulation::TimelineEntry>> steps, int64_t n_cta) {
  for (auto& step : steps)
    for (emulation::TimelineEntry& entry : step)
      if (entry.work.kind == emulation::WorkKind::collective) entry.work.n_block = n_cta;
  return mfu_of(config, steps);
}

// Why there is none: ParameterEngine. The links are shared in any case, and the GPU has to hold the
// CTAs of both collectives at once.
TEST(ModelledStep, a_stream_of_their_own_for_reductions_gains_less_than_half_a_percent) {
  constexpr int kCommunication = 1, kOther = 4;
  for (const ModelledJob& job : {kLlama3, kTwoNodes}) {
    const TrainConfig config = config_of(job);
    const RecordedSteps recorded = record_steps(config, kSteps);
    const auto moved = move_operations(recorded.steps, {"ncclReduceScatter", "ncclAllReduce"},
                                       kCommunication, kOther);
    for (const int64_t n_cta : {kMostNcclCtas, kMostNcclCtas / 2}) {
      const double one = mfu_with_ctas(config, recorded.steps, n_cta);
      const double two = mfu_with_ctas(config, moved, n_cta);
      std::cout << fmt::format(
          "modelled: {}, {} CTAs a collective: {:.2f} % causal MFU, {:.2f} % with reductions on a "
          "stream of their own\n",
          describe(config), n_cta, 100 * one, 100 * two);
      EXPECT_LT(two, 1.005 * one);
    }
  }
}

/// What the figure rests on: each of these alone costs points.
TEST(ModelledStep, slow_links_serialised_streams_and_a_slow_host_lower_the_mfu) {
  const TrainConfig config = config_of(kLlama3);
  const RecordedSteps recorded = record_steps(config, kSteps);
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
  EXPECT_LT(mfu_of(config, recorded.steps, rates), mfu - 0.15);
}

}  // namespace
}  // namespace isoflop::test
