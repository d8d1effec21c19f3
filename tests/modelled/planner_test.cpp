// SPDX-License-Identifier: MIT
// What the planner counts of a step, against steps that the trainer enqueued, both at the same
// rates: modelled, not measured.
#include "modelled/modelled_jobs.hpp"
#include "modelled/recorded_steps.hpp"
#include "modelled/step_profile.hpp"
#include "planner/planner_fixtures.hpp"
#include "planner/step_time.hpp"
#include "trainer/comm/nccl_communicator.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <iostream>
#include <vector>

namespace isoflop::test {
namespace {

constexpr double kMs = 1e3;

/// An H100 for the planner that does all at these rates, hides what it can of communication and
/// loses to it the multiprocessors that NCCL takes. The planner takes narrow heads to be slower
/// (block_cost.cpp), the rates do not.
MachineModel machine_at(const GpuRates& rates, int64_t d_head) {
  const double share = std::pow(std::min(1.0, static_cast<double>(d_head) / 128), 0.25);
  const Cluster cluster = h100_cluster();
  const Partition& partition = cluster.partitions.front();
  MachineModel model = make_machine_model(partition, {1, kGpusPerNode}, Precision::bf16,
                                          load_calibration(partition.device.kind));
  Machine& machine = model.machine;
  machine.product = machine.wide = {rates.product_flops, 0, 0};
  machine.attention_forward_flops_per_s = rates.attention_forward_flops / share;
  machine.attention_backward_flops_per_s = rates.attention_backward_flops / share;
  machine.memory_bytes_per_s = rates.memory_bytes_per_s;
  machine.network.intra_node_bytes_per_s = rates.link_bytes_per_s;
  machine.constants.attention_half_length = 0;
  machine.constants.overlap = 1;
  machine.constants.contention =
      static_cast<double>(kMostNcclCtas) / static_cast<double>(rates.n_multiprocessor);
  return model;
}

/// Seconds of operations on the compute stream, alone.
double seconds_of(const StepProfile& profile, std::initializer_list<const char*> names) {
  double seconds = 0;
  for (const ProfileRow& row : profile.rows)
    if (row.stream == 0 &&
        std::any_of(names.begin(), names.end(), [&](const char* name) { return row.name == name; }))
      seconds += row.alone_s;
  return seconds;
}

/// What products take beyond themselves, which the planner counts as element-wise work.
double epilogue_seconds(const std::vector<emulation::TimelineEntry>& step, const GpuRates& rates) {
  double bytes = 0;
  for (const emulation::TimelineEntry& entry : step)
    bytes += static_cast<double>(entry.work.epilogue_bytes);
  return bytes / rates.memory_bytes_per_s;
}

class PlannedStep : public testing::TestWithParam<ModelledJob> {};

TEST_P(PlannedStep, is_near_what_the_trainer_enqueues) {
  const TrainConfig config = config_of(GetParam());
  const GpuRates rates;
  const RecordedSteps recorded = record_steps(config, 5);
  const StepProfile enqueued = profile_of(play(recorded.steps, rates), rates);
  const StepTime planned =
      predict_step_time(config.model, resolve_layout(config.layout, n_gpu_of(config)),
                        config.data.seq_len, machine_at(rates, config.model.d_head));
  const double epilogues_s = epilogue_seconds(recorded.steps.back(), rates);
  const double products_s = seconds_of(enqueued, {kProducts}) - epilogues_s;
  const double attention_s = seconds_of(enqueued, {"attention forward", "attention backward"});
  const double update_s = seconds_of(enqueued, {"adamw", "statistics_of_parts", "zeroing"});
  const double logits_s = seconds_of(enqueued, {"cross_entropy"});
  const double blocks_s =
      epilogues_s +
      seconds_of(enqueued, {"norm_forward", "norm_backward", "rope", "activation_forward",
                            "activation_backward", "column_sum", "add_partials"});
  std::cout << fmt::format(
      "modelled: {}: planner / enqueued, ms: products {:.1f} + head {:.1f} / {:.1f} + logits "
      "{:.1f}, attention {:.1f} / {:.1f}, element-wise {:.1f} / {:.1f}, update {:.1f} / {:.1f}, "
      "communication {:.1f}, overhead {:.1f}, launches {:.1f}; step {:.1f} / {:.1f}\n",
      describe(config), kMs * planned.matmul_s, kMs * planned.head_s, kMs * products_s,
      kMs * logits_s, kMs * planned.attention_s, kMs * attention_s, kMs * planned.memory_bound_s,
      kMs * blocks_s, kMs * planned.optimizer_s, kMs * update_s, kMs * planned.communication_s,
      kMs * planned.overhead_s, kMs * planned.launch_s, kMs * planned.total(),
      kMs * enqueued.step_s);
  EXPECT_NEAR(planned.matmul_s + planned.head_s, products_s + logits_s,
              0.02 * (products_s + logits_s));
  EXPECT_NEAR(planned.attention_s, attention_s, 0.02 * attention_s);
  EXPECT_NEAR(planned.memory_bound_s, blocks_s, 0.1 * blocks_s);
  EXPECT_NEAR(planned.total(), enqueued.step_s, 0.025 * enqueued.step_s);
}

INSTANTIATE_TEST_SUITE_P(Jobs, PlannedStep,
                         testing::Values(ModelledJob{.model = "llama3-8b", .seq_len = 8192},
                                         ModelledJob{.model = "llama-7b",
                                                     .seq_len = 2048,
                                                     .micro_batch_size = 2,
                                                     .micro_steps = 16,
                                                     .strategy = ParallelStrategy::zero1},
                                         ModelledJob{.model = "qwen2.5-1.5b",
                                                     .seq_len = 1024,
                                                     .micro_batch_size = 16,
                                                     .micro_steps = 8,
                                                     .strategy = ParallelStrategy::zero1},
                                         ModelledJob{.model = "gpt2-1558m",
                                                     .seq_len = 1024,
                                                     .micro_batch_size = 8,
                                                     .micro_steps = 8,
                                                     .strategy = ParallelStrategy::zero1}),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace isoflop::test
