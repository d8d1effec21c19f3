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
  const RecordedSteps recorded = record_steps(config, 2);
  const MemoryUsage& usage = recorded.memory;
  const Layout layout = resolve_layout(config.layout, n_gpu_of(config));
  const MemoryEstimate estimate =
      estimate_memory({.shape = config.model,
                       .layout = layout,
                       .seq_len = config.data.seq_len,
                       .precision = config.precision,
                       .gpu = GpuKernels{.deterministic = config.device.deterministic},
                       .optimizer = config.optimizer.kind,
                       .document_mask = config.data.document_mask,
                       .nccl_registration = config.device.nccl_registration});
  for (const auto& [allocated, estimated] : kPairs) {
    SCOPED_TRACE(to_string(allocated));
    expect_within(estimate.*estimated, usage.by_category[static_cast<std::size_t>(allocated)],
                  0.02);
  }
  // In no category of the model: results of a step and tables of tensors.
  const int64_t state = usage.by_category[static_cast<std::size_t>(MemoryCategory::state)];
  EXPECT_LT(state, int64_t{1} << 20);
  expect_within(estimate.total() + state, recorded.peak_bytes, 0.02);
  // Empty buffers take a byte each.
  EXPECT_LT(recorded.peak_bytes - usage.peak, 64) << "something passes the trainer's allocator by";
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
                                .optimizer = OptimizerKind::muon},
                    ModelledJob{.model = "llama3-8b",
                                .seq_len = 8192,
                                .strategy = ParallelStrategy::hsdp,
                                .n_gpu = 2 * kGpusPerNode,
                                .recompute = Recompute::full},
                    ModelledJob{.model = "llama-7b",
                                .seq_len = 2048,
                                .strategy = ParallelStrategy::zero2,
                                .recompute = Recompute::selective},
                    // cuDNN's sums in a fixed order: half a score of every query for each key
                    ModelledJob{.model = "qwen2.5-1.5b",
                                .seq_len = 4096,
                                .strategy = ParallelStrategy::zero1,
                                .deterministic = true,
                                .document_mask = true},
                    ModelledJob{.model = "gpt2-124m",
                                .seq_len = 1024,
                                .micro_batch_size = 4,
                                .strategy = ParallelStrategy::ddp,
                                .precision = Precision::fp32},
                    ModelledJob{.model = "gpt2-124m",
                                .seq_len = 1024,
                                .micro_batch_size = 4,
                                .strategy = ParallelStrategy::zero1,
                                .precision = Precision::fp16,
                                .dropout = 0.1}),
    testing::PrintToStringParamName());

}  // namespace
}  // namespace isoflop::test
