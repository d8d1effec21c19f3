// SPDX-License-Identifier: MIT
// Runs on 1, 2 and 4 ranks.
#include "trainer/start_checks.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "support/error_matchers.hpp"

#include <functional>
#include <memory>

namespace isoflop {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int64_t kGiB = int64_t{1} << 30;

RankBuild build() {
  return {"0.1.0 (abc)", "NVIDIA H100 80GB HBM3", "cuBLASLt 13, cuDNN 9, NCCL 2.28.9", "13.0"};
}

class StartChecks : public testing::Test {
 protected:
  int rank() const { return job_->info().rank; }
  int world_size() const { return job_->info().world_size; }
  bool is_last() const { return rank() == world_size() - 1; }
  /// What the last rank says when it alone has `change`.
  std::string words_about(const std::function<void(RankBuild&)>& change) {
    RankBuild own = build();
    if (is_last()) change(own);
    try {
      check_equal_builds(own, *job_);
    } catch (const ReportedElsewhereError& error) {
      EXPECT_EQ(error.exit_code(), ExitCode::kDeviceMissing);
      return "";
    } catch (const DeviceMissingError& error) {
      return error.what();
    }
    ADD_FAILURE() << "no error on rank " << rank();
    return "";
  }
  const std::unique_ptr<Launch> job_ = make_launch(nullptr, nullptr);
};

TEST_F(StartChecks, equal_builds_pass) { check_equal_builds(build(), *job_); }

TEST_F(StartChecks, a_rank_that_differs_is_named_with_what_it_has) {
  if (world_size() == 1) return;
  const std::string gpu = words_about([](RankBuild& own) { own.gpu = "NVIDIA A100-SXM4-80GB"; });
  const std::string libraries =
      words_about([](RankBuild& own) { own.libraries = "cuBLASLt 12, cuDNN 9, NCCL 2.28.9"; });
  const std::string trainer = words_about([](RankBuild& own) { own.trainer = "0.1.0 (old)"; });
  if (!is_last()) return;
  const std::string who = "rank " + std::to_string(rank()) + " on " + job_->info().host + ": ";
  EXPECT_THAT(gpu, AllOf(HasSubstr(who + "the GPU is NVIDIA A100-SXM4-80GB, rank 0 on "),
                         HasSubstr(" has NVIDIA H100 80GB HBM3; ask Slurm for one kind")));
  EXPECT_THAT(libraries, HasSubstr("there are cuBLASLt 12, "));
  EXPECT_THAT(trainer, HasSubstr("this is trainer 0.1.0 (old), rank 0 on "));
}

TEST_F(StartChecks, another_driver_is_a_warning_of_rank_0) {
  if (world_size() == 1) return;
  log::configure(rank(), world_size(), log::Level::info);
  RankBuild own = build();
  if (is_last()) own.driver = "12.8";
  testing::internal::CaptureStderr();
  check_equal_builds(own, *job_);
  const std::string printed = testing::internal::GetCapturedStderr();
  if (rank() == 0)
    EXPECT_THAT(printed, HasSubstr("is for another CUDA than rank 0's (13.0); 1 ranks differ"));
  else
    EXPECT_THAT(printed, IsEmpty());
}

TEST_F(StartChecks, two_ranks_on_one_gpu_are_named_before_nccl_refuses_them) {
  const std::string own = "0000:1B:00." + std::to_string(rank());
  check_own_gpu(own, *job_);
  if (world_size() == 1) return;
  try {
    check_own_gpu(is_last() ? "0000:1B:00.0" : own, *job_);
    ADD_FAILURE() << "no error on rank " << rank();
  } catch (const ReportedElsewhereError& error) {
    EXPECT_FALSE(is_last());
    EXPECT_EQ(error.exit_code(), ExitCode::kDeviceMissing);
  } catch (const DeviceMissingError& error) {
    EXPECT_TRUE(is_last());
    EXPECT_THAT(error.what(),
                HasSubstr("ranks 0 and " + std::to_string(rank()) + " on " + job_->info().host +
                          " have one GPU (0000:1B:00.0) between them; ask Slurm"));
  }
}

TEST(FreeMemory, that_others_hold_is_named_before_anything_is_allocated) {
  const GpuFacts facts{.driver = "13.0",
                       .pci_bus_id = "0000:1B:00.0",
                       .free_bytes = 40 * kGiB,
                       .total_bytes = 80 * kGiB};
  const RankInfo info{.rank = 3, .host = "gpu-007"};
  check_free_memory(facts, 40 * kGiB, info);
  check_free_memory(facts, 81 * kGiB, info);  // never fitted: the first allocation explains it
  check_free_memory(facts, 79 * kGiB, info);  // nor beside CUDA itself
  EXPECT_THAT(
      test::message_of<DeviceMissingError>([&] { check_free_memory(facts, 61 * kGiB, info); }),
      HasSubstr("rank 3 on gpu-007: the GPU (0000:1B:00.0) has 40.0 GiB free of 80.0 GiB, and the "
                "run takes 61.0 GiB: other processes hold the rest"));
}

TEST(Warnings, are_of_memory_in_use_of_peers_and_of_processors) {
  GpuFacts facts{.driver = "13.0",
                 .pci_bus_id = "0000:1B:00.0",
                 .free_bytes = 79 * kGiB,
                 .total_bytes = 80 * kGiB};
  EXPECT_THAT(warnings_about(facts, 77 * kGiB, true), IsEmpty());
  EXPECT_THAT(warnings_about(facts, 78 * kGiB, true),
              ElementsAre(HasSubstr("the run takes 78.0 GiB of the 79.0 GiB that the GPU "
                                    "(0000:1B:00.0) has free")));
  facts.free_bytes = 70 * kGiB;
  facts.out_of_reach = {2, 3};
  EXPECT_THAT(
      warnings_about(facts, 60 * kGiB, false),
      ElementsAre(
          HasSubstr("10.0 GiB of the GPU's memory (0000:1B:00.0) are in use by other "),
          HasSubstr("cannot access the memory of GPU 2, 3"),
          HasSubstr("no processor beside the GPU (0000:1B:00.0) is this rank's; with all of "
                    "the node's in the job (--exclusive) and srun's --cpu-bind=none")));
}

}  // namespace
}  // namespace isoflop
