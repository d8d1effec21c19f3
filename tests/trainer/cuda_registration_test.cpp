// SPDX-License-Identifier: MIT
// Training with buffers that NCCL knows: the same losses, and every gather and reduction on them.
#include "emulation/emulated_launch.hpp"
#include "emulation/emulation.hpp"
#include "tiny_training.hpp"
#include "trainer/make_backend.hpp"
#include "trainer/memory_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

namespace isoflop {
namespace {

using Losses = std::vector<double>;

constexpr int kRanks = 4;

struct Case {
  ParallelStrategy strategy;
  Precision precision;
  NcclRegistration registration;
  bool reshard_after_forward = true;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << enum_name(kStrategyNames, c.strategy) << '_' << to_string(c.precision) << '_'
       << enum_name(kNcclRegistrationNames, c.registration)
       << (c.reshard_after_forward ? "" : "_not_resharded");
}

TrainConfig config_of(const Case& c, const std::filesystem::path& data) {
  ModelShape shape = test::tiny_llama();
  shape.d_model = 32;
  shape.d_head = 8;
  TrainConfig config = test::tiny_config(shape, data);
  config.precision = c.precision;
  config.device.kind = DeviceKind::cuda;
  config.device.deterministic = true;
  config.device.nccl_registration = c.registration;
  config.layout.strategy = c.strategy;
  config.layout.fsdp.reshard_after_forward = c.reshard_after_forward;
  if (c.strategy == ParallelStrategy::hsdp) config.layout.n_shard = kRanks / 2;
  config.layout.micro_batch_size = 1;
  config.schedule.steps = 2;
  return config;
}

struct Trained {
  Losses losses;
  std::vector<std::string> calls;  ///< gathers and reductions of rank 0
  MemoryEstimate predicted;
  MemoryUsage memory;  ///< of rank 0
};

bool has(const std::string& line, const char* word) { return line.find(word) != std::string::npos; }

/// All but sums, which may be of statistics: those of gradients are registered.
bool moves_parameters(const std::string& line) {
  return has(line, "ncclAllGather") || has(line, "ncclReduceScatter") ||
         (has(line, "ncclAllReduce") && has(line, ", registered"));
}

Trained train(const TrainConfig& config) {
  Trained run;
  emulation::EmulatedLauncher launcher(kRanks);
  emulation::run_ranks({.n_rank = kRanks, .seed = 7}, [&](int rank) {
    const std::unique_ptr<Launch> launch = launcher.launch(rank);
    Session session = test::make_session(config, *launch, make_backend(config, launch->info()));
    for (int64_t step = 1; step <= config.schedule.steps; ++step) {
      enqueue_step(session, step);
      const double loss = session.io().wait(step).output.loss_sum * session.grad_scale(step);
      if (rank == 0) run.losses.push_back(loss);
    }
    if (rank != 0) return;
    for (const std::string& line : emulation::take_trace(rank))
      if (moves_parameters(line)) run.calls.push_back(line);
    run.memory = session.backend().device->memory_usage();
    run.predicted = predicted_memory(config, session.layout(), session.backend());
  });
  return run;
}

class CudaRegistration : public testing::TestWithParam<Case> {
 protected:
  test::TinyData data_{4000, 800};
};

int64_t allocated(const Trained& run, MemoryCategory category) {
  return run.memory.by_category[static_cast<std::size_t>(category)];
}

TEST_P(CudaRegistration, changes_no_bit_and_covers_every_gather_and_reduction) {
  const TrainConfig config = config_of(GetParam(), data_.folder());
  TrainConfig without = config;
  without.device.nccl_registration = NcclRegistration::off;
  const Trained run = train(config);
  EXPECT_EQ(run.losses, train(without).losses);
  EXPECT_FALSE(run.calls.empty());
  EXPECT_THAT(run.calls, testing::Each(testing::HasSubstr(", registered")));
  EXPECT_EQ(allocated(run, MemoryCategory::parameters), run.predicted.parameters);
  EXPECT_EQ(allocated(run, MemoryCategory::compute_parameters), run.predicted.compute_parameters);
  EXPECT_EQ(allocated(run, MemoryCategory::gradients), run.predicted.gradients);
  EXPECT_EQ(allocated(run, MemoryCategory::gathered), run.predicted.gathered);
  EXPECT_EQ(allocated(run, MemoryCategory::gradient_buffers), run.predicted.gradient_buffers);
}

constexpr auto kLocal = NcclRegistration::local;
constexpr auto kSymmetric = NcclRegistration::symmetric;
INSTANTIATE_TEST_SUITE_P(Cases, CudaRegistration,
                         testing::Values(Case{ParallelStrategy::ddp, Precision::bf16, kLocal},
                                         Case{ParallelStrategy::zero1, Precision::fp32, kSymmetric},
                                         Case{ParallelStrategy::zero1, Precision::bf16, kLocal},
                                         Case{ParallelStrategy::zero2, Precision::bf16, kSymmetric},
                                         Case{ParallelStrategy::fsdp, Precision::fp32, kLocal},
                                         Case{ParallelStrategy::fsdp, Precision::bf16, kSymmetric},
                                         Case{ParallelStrategy::hsdp, Precision::bf16, kLocal,
                                              false},
                                         Case{ParallelStrategy::hsdp, Precision::fp32, kSymmetric}),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace isoflop
