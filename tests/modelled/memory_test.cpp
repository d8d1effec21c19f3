// SPDX-License-Identifier: MIT
// What the memory model says of jobs of real sizes, against what the trainer allocates on an
// emulated GPU: the plans of cuDNN take what the real library states, products as much as they may.
#include "core/parallel/memory_model.hpp"
#include "modelled/modelled_jobs.hpp"
#include "modelled/recorded_steps.hpp"

#include <gtest/gtest.h>

namespace isoflop::test {

namespace {

/// Categories of the allocator, by those of the model.
struct Pair {
  MemoryCategory allocated;
  int64_t MemoryEstimate::*estimated;
};
constexpr Pair kPairs[] = {
    {MemoryCategory::parameters, &MemoryEstimate::parameters},
    {MemoryCategory::compute_parameters, &MemoryEstimate::compute_parameters},
    {MemoryCategory::gradients, &MemoryEstimate::gradients},
    {MemoryCategory::optimizer, &MemoryEstimate::optimizer},
    {MemoryCategory::gathered, &MemoryEstimate::gathered},
    {MemoryCategory::gradient_buffers, &MemoryEstimate::gradient_buffers},
    {MemoryCategory::activations, &MemoryEstimate::activations},
    {MemoryCategory::workspace, &MemoryEstimate::workspace},
    {MemoryCategory::logits, &MemoryEstimate::logits},
    {MemoryCategory::batch, &MemoryEstimate::batch},
    {MemoryCategory::checkpoint, &MemoryEstimate::checkpoint},
};

class ModelledMemory : public testing::TestWithParam<ModelledJob> {};

void expect_within(int64_t estimated, int64_t allocated, double tolerance) {
  EXPECT_GE(estimated, allocated);
  EXPECT_LE(static_cast<double>(estimated), static_cast<double>(allocated) * (1 + tolerance));
}

TEST_P(ModelledMemory, is_within_two_percent_of_the_model_and_never_above) {
  const TrainConfig config = config_of(GetParam());
  const MemoryUsage usage = record_steps(config, 2).memory;
  const Layout layout = resolve_layout(config.layout, n_gpu_of(config));
  const MemoryEstimate estimate =
      estimate_memory({.shape = config.model,
                       .layout = layout,
                       .seq_len = config.data.seq_len,
                       .precision = config.precision,
                       .gpu = GpuKernels{},
                       .optimizer = config.optimizer.kind,
                       .nccl_registration = config.device.nccl_registration});
  for (const auto& [allocated, estimated] : kPairs) {
    SCOPED_TRACE(to_string(allocated));
    expect_within(estimate.*estimated, usage.by_category[static_cast<std::size_t>(allocated)],
                  0.02);
  }
  // the tables and results of a step are in no category of the model
  EXPECT_GE(estimate.total() + (int64_t{1} << 20), usage.peak);
  EXPECT_LE(static_cast<double>(estimate.total()), static_cast<double>(usage.peak) * 1.02);
}

INSTANTIATE_TEST_SUITE_P(
    Jobs, ModelledMemory,
    testing::Values(ModelledJob{.model = "llama3-8b", .seq_len = 8192},
                    ModelledJob{.model = "llama-7b", .seq_len = 2048, .micro_batch_size = 4},
                    ModelledJob{.model = "llama-7b",
                                .seq_len = 2048,
                                .micro_batch_size = 2,
                                .reshard_after_forward = false},
                    ModelledJob{.model = "llama3-8b",
                                .seq_len = 8192,
                                .nccl_registration = NcclRegistration::symmetric},
                    ModelledJob{.model = "gpt2-1558m",
                                .seq_len = 1024,
                                .micro_batch_size = 8,
                                .strategy = ParallelStrategy::zero1,
                                .nccl_registration = NcclRegistration::local},
                    ModelledJob{.model = "gpt2-1558m",
                                .seq_len = 1024,
                                .micro_batch_size = 8,
                                .strategy = ParallelStrategy::zero1},
                    // the update takes more of the workspace than the passes
                    ModelledJob{.model = "gpt2-124m",
                                .seq_len = 1024,
                                .micro_batch_size = 1,
                                .optimizer = OptimizerKind::muon},
                    ModelledJob{.model = "gpt2-124m",
                                .seq_len = 1024,
                                .micro_batch_size = 1,
                                .strategy = ParallelStrategy::ddp,
                                .optimizer = OptimizerKind::muon}),
    testing::PrintToStringParamName());

}  // namespace
}  // namespace isoflop::test
