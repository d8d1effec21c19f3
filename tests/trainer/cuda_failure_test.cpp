// SPDX-License-Identifier: MIT
// How a run on GPUs ends when a GPU, or the network between them, fails.
#include "core/base/error.hpp"
#include "emulation/emulated_launch.hpp"
#include "emulation/emulation.hpp"
#include "emulation/findings.hpp"
#include "support/error_matchers.hpp"
#include "tiny_training.hpp"
#include "trainer/run_training.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace isoflop {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int kRanks = 2;

class CudaFailure : public testing::Test {
 protected:
  CudaFailure() {
    config_.run.out = folder_.path();
    config_.device.kind = DeviceKind::cuda;
    config_.precision = Precision::bf16;
    config_.model.d_head = 8;
    config_.health.stall_min_s = 1;  // the watchdog looks every 50 ms, and calls nothing stalled:
    config_.health.pause_limit_s = 1000;
    options_.config = folder_ / "train.yaml";
    std::ofstream(options_.config) << write_train_config(config_, "");
    options_.argv = {"trainer", "train.yaml"};
  }
  /// run_training() on GPUs of one process; what it throws on rank `asked`.
  std::string train(int asked) const {
    std::string failure;
    emulation::EmulatedLauncher launcher(kRanks);
    const auto train_rank = [&](int rank) {
      const std::unique_ptr<Launch> launch = launcher.launch(rank);
      StatusFile status(find_run_place(options_));
      status.set_place(launch->info());
      try {
        run_training(options_, *launch, status);
      } catch (const Error& error) {
        if (rank == asked) failure = error.what();
        throw;
      }
    };
    EXPECT_THROW(emulation::run_ranks({.n_rank = kRanks}, train_rank), Error);
    return failure;
  }
  test::TempDir folder_;
  test::TinyData data_;
  TrainConfig config_ = test::tiny_config(test::tiny_llama(), data_.folder());
  TrainerOptions options_;
};

// The host waits for a GPU whose kernels spin; nothing but the watchdog asks NCCL.
TEST_F(CudaFailure, a_link_that_fails_ends_the_run_while_the_host_waits) {
  const auto train_with_cut_link = [this] {
    emulation::set_faults({.cut_nccl_link = 50, .deadlock_s = 20});
    train(0);
  };
  EXPECT_EXIT(train_with_cut_link(), testing::ExitedWithCode(3),
              "rank [01] on emulated: a collective under way failed: remote process exited or .*; "
              "the link is cut; .*; there is no checkpoint; look at the network of this node");
  const RunStatus status = read_run_status(folder_ / "tiny.status.json");
  EXPECT_EQ(status.state, StatusState::failed);
  EXPECT_EQ(status.exit_code, 3);
  EXPECT_THAT(status.cause, HasSubstr("a collective under way failed"));
  EXPECT_EQ(status.suspects.size(), 1U);
}

// Its streams wait for the other rank for ever, and so would everything that waits for them.
TEST_F(CudaFailure, an_exception_leaves_a_rank_whose_gpu_never_ends) {
  emulation::EmulatedLauncher launcher(kRanks);
  const auto fail_in_step = [&](int rank) {
    const std::unique_ptr<Launch> launch = launcher.launch(rank);
    Session session = test::make_session(
        config_, *launch, make_cuda_backend({.local_rank = rank, .precision = Precision::bf16}));
    for (int64_t step = 1; step <= 3; ++step) {
      enqueue_step(session, step);
      if (step < 3) session.io().wait(step);
    }
    if (rank == 0) throw FileError("no space left");
    session.io().wait(3);
  };
  emulation::set_faults({.cut_nccl_link = 40});
  EXPECT_EQ(
      test::message_of<FileError>([&] { emulation::run_ranks({.n_rank = kRanks}, fail_in_step); }),
      "no space left");
  EXPECT_THAT(emulation::take_findings(), IsEmpty());
}

TEST_F(CudaFailure, a_gpu_that_fails_is_named_with_rank_and_node) {
  emulation::set_faults({.fail_host_wait = 12});
  EXPECT_THAT(train(0),
              AllOf(HasSubstr("rank 0 on emulated (GPU 0000:00:00.0): work on the GPU (found by "
                              "cudaEventSynchronize) failed: uncorrectable ECC error encountered"),
                    HasSubstr("without that node (--exclude=emulated); after an ECC error")));
}

TEST_F(CudaFailure, a_host_without_memory_to_pin_is_named_with_what_it_lacks) {
  emulation::set_faults({.refuse_pinned_memory_of = 1});
  EXPECT_THAT(train(1),
              AllOf(HasSubstr("rank 1 on emulated: out of memory: the host has no "),
                    HasSubstr("B to pin for transfers (cudaMallocHost); ask Slurm for more memory "
                              "on the node (sbatch --mem;")));
}

}  // namespace
}  // namespace isoflop
