// SPDX-License-Identifier: MIT
// What orders a step on GPUs, left out piece by piece: every missing wait and barrier is found, on
// a machine where the results may still come out right.
#include "emulation/emulated_launch.hpp"
#include "emulation/emulation.hpp"
#include "emulation/findings.hpp"
#include "tiny_training.hpp"
#include "trainer/backend/cuda/cuda_device.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

namespace isoflop {
namespace {

using testing::HasSubstr;

constexpr int64_t kSteps = 3;

struct FaultCase {
  ParallelStrategy strategy;
  int least_found;  ///< of the waits of a step, those that nothing implies
  OptimizerKind optimizer = OptimizerKind::adamw;
  Recompute recompute = Recompute::none;

  int n_rank() const { return strategy == ParallelStrategy::hsdp ? 4 : 2; }
};

void PrintTo(const FaultCase& c, std::ostream* out) {
  *out << enum_name(kStrategyNames, c.strategy)
       << (c.optimizer == OptimizerKind::muon ? "_muon" : "")
       << (c.recompute == Recompute::full ? "_again" : "");
}

/// Two blocks of d_model 32 in bf16; sequences of 16, a rank has two of them in two micro steps.
TrainConfig config_of(const FaultCase& c, const std::filesystem::path& data) {
  TrainConfig config = test::tiny_config(test::tiny_llama(), data);
  config.model.d_model = 32;
  config.model.d_head = 8;
  config.model.max_seq_len = config.data.seq_len = 16;
  config.precision = Precision::bf16;
  config.layout.strategy = c.strategy;
  config.layout.recompute = c.recompute;
  config.layout.global_batch_size = 2 * c.n_rank();
  config.layout.n_ranks = c.n_rank();
  if (c.strategy == ParallelStrategy::hsdp) config.layout.n_shard = 2;
  config.optimizer.kind = c.optimizer;
  config.schedule.steps = kSteps;
  return config;
}

/// With streams by name in messages.
Backend make_gpu(int rank) {
  Backend backend =
      make_cuda_backend({.local_rank = rank, .precision = Precision::bf16, .deterministic = true});
  CudaDevice& device = as_cuda_device(*backend.device);
  emulation::name_stream(device.native(device.compute_stream()), "compute");
  emulation::name_stream(device.native(device.communication_stream()), "communication");
  emulation::name_stream(device.native(device.copy_stream()), "copy");
  emulation::name_stream(device.native(device.readback_stream()), "readback");
  return backend;
}

/// What a run left: losses, and where rank 0's second step begins and ends among its calls.
struct TrainRun {
  std::vector<double> losses;
  emulation::Counters before;
  emulation::Counters after;
};

/// Trains as train() does, each step read one step late.
TrainRun train_on_gpus(const TrainConfig& config) {
  TrainRun run;
  const auto n_rank = static_cast<int>(*config.layout.n_ranks);
  emulation::EmulatedLauncher launcher(n_rank);
  emulation::run_ranks({.n_rank = n_rank, .seed = 4}, [&](int rank) {
    const std::unique_ptr<Launch> launch = launcher.launch(rank);
    Session session = test::make_session(config, *launch, make_gpu(rank));
    const auto read = [&](int64_t step) {
      const double loss = session.io().wait(step).output.loss_sum;
      if (rank == 0) run.losses.push_back(loss);
    };
    for (int64_t step = 1; step <= kSteps; ++step) {
      if (rank == 0 && step == 2) run.before = emulation::counters(rank);
      enqueue_step(session, step);
      if (step > 1) read(step - 1);
      if (rank == 0 && step == 2) run.after = emulation::counters(rank);
    }
    read(kSteps);
  });
  return run;
}

class CudaFault : public testing::TestWithParam<FaultCase> {
 protected:
  TrainRun run() const { return train_on_gpus(config_); }
  TrainRun run_with(const emulation::Faults& faults) const {
    emulation::set_faults(faults);
    return run();
  }

  test::TinyData data_;
  TrainConfig config_ = config_of(GetParam(), data_.folder());
};

// A wait may be implied by another: on a stream that has waited for later work already. Such a wait
// changes nothing; every other one is found, with the operations and streams at fault.
TEST_P(CudaFault, every_wait_between_streams_is_found_missing_or_was_implied) {
  const TrainRun whole = run();
  int64_t n_found = 0;
  for (int64_t call = whole.before.stream_waits; call < whole.after.stream_waits; ++call) {
    try {
      EXPECT_EQ(run_with({.drop_stream_wait = call}).losses, whole.losses) << "wait " << call;
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), HasSubstr("; nothing makes ")) << "wait " << call;
      emulation::take_findings();
      ++n_found;
    }
  }
  EXPECT_GE(n_found, GetParam().least_found);
}

TEST_P(CudaFault, a_host_wait_left_out_is_found_where_the_host_reads) {
  const TrainRun whole = run();
  ASSERT_EQ(whole.after.host_waits, whole.before.host_waits + 1);
  EXPECT_DEATH(run_with({.drop_host_wait = whole.before.host_waits}),
               "host code of rank 0 reads pinned memory .* that cudaMemcpyAsync \\(readback, "
               "operation [0-9]+\\) may still write; no host wait orders them");
}

// Batches, results, norms and the gradients of four units; under zero1 their parameters once, under
// fsdp and hsdp in each pass.
INSTANTIATE_TEST_SUITE_P(Layouts, CudaFault,
                         testing::Values(FaultCase{ParallelStrategy::ddp, 10},
                                         FaultCase{ParallelStrategy::zero1, 17},
                                         FaultCase{ParallelStrategy::fsdp, 30}),
                         testing::PrintToStringParamName());
// trainer_cuda_fault_full
INSTANTIATE_TEST_SUITE_P(
    MoreLayouts, CudaFault,
    testing::Values(FaultCase{ParallelStrategy::zero2, 17, OptimizerKind::adamw, Recompute::full},
                    FaultCase{ParallelStrategy::hsdp, 30},
                    FaultCase{ParallelStrategy::zero1, 17, OptimizerKind::muon}),
    testing::PrintToStringParamName());

/// A kernel's barriers, numbered as a thread meets them.
struct Barriers {
  const char* kernel;
  int64_t first;
  int64_t last;
};

void PrintTo(const Barriers& barriers, std::ostream* out) { *out << barriers.kernel; }

class CudaBarrier : public testing::TestWithParam<Barriers> {};

TEST_P(CudaBarrier, every_one_left_out_is_found) {
  const test::TinyData data;
  const TrainConfig config = config_of({ParallelStrategy::ddp, 0}, data.folder());
  const auto& [kernel, first, last] = GetParam();
  for (int64_t barrier = first; barrier <= last; ++barrier) {
    emulation::set_faults({.drop_barrier_of = kernel, .drop_barrier = barrier});
    try {
      train_on_gpus(config);
      ADD_FAILURE() << kernel << " runs without barrier " << barrier;
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), HasSubstr(fmt::format("kernel {}: threads", kernel)));
      EXPECT_THAT(error.what(), HasSubstr("no __syncthreads"));
      emulation::take_findings();
    }
  }
}

// A reduction's barrier 0 keeps what an earlier reduction of the kernel may still read: the first
// has none to keep.
INSTANTIATE_TEST_SUITE_P(Kernels, CudaBarrier,
                         testing::Values(Barriers{"norm_forward", 1, 1},
                                         Barriers{"norm_backward", 1, 3}, Barriers{"rope", 0, 0},
                                         Barriers{"cross_entropy", 1, 4},
                                         Barriers{"add_losses", 1, 1}, Barriers{"token_sort", 0, 7},
                                         Barriers{"statistics_of_parts", 1, 9},
                                         Barriers{"join_statistics", 1, 9},
                                         Barriers{"clip_by_global_norm", 1, 3}),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace isoflop
