// SPDX-License-Identifier: MIT
// Runs on 1, 2 and 4 ranks.
#include "trainer/choose_device.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "support/error_matchers.hpp"

#include <algorithm>
#include <memory>
#include <stdexcept>

namespace isoflop {
namespace {

using testing::HasSubstr;

std::optional<std::string> no_gpu(int) { return "no NVIDIA driver is loaded"; }
std::optional<std::string> has_gpu(int) { return std::nullopt; }

class ChooseDevice : public testing::Test {
 protected:
  int rank() const { return job_->info().rank; }
  int world_size() const { return job_->info().world_size; }
  const std::unique_ptr<Launch> job_ = make_launch(nullptr, nullptr);
};

TEST_F(ChooseDevice, automatic_takes_gpus_that_every_rank_has) {
  EXPECT_EQ(choose_device(DeviceKind::automatic, *job_, has_gpu), DeviceKind::cuda);
}

TEST_F(ChooseDevice, automatic_goes_on_with_the_cpu_and_says_why_in_one_line) {
  log::configure(rank(), world_size(), log::Level::info);
  testing::internal::CaptureStderr();
  EXPECT_EQ(choose_device(DeviceKind::automatic, *job_, no_gpu), DeviceKind::cpu);
  const std::string printed = testing::internal::GetCapturedStderr();
  if (rank() != 0) return;
  EXPECT_THAT(printed, HasSubstr("device: no GPU on node " + job_->info().host +
                                 " (no NVIDIA driver is loaded); training on the CPU\n"));
  EXPECT_EQ(std::count(printed.begin(), printed.end(), '\n'), 1);
}

TEST_F(ChooseDevice, an_explicit_device_is_not_looked_for_here) {
  const auto never = [](int) -> std::optional<std::string> { throw std::logic_error("asked"); };
  EXPECT_EQ(choose_device(DeviceKind::cpu, *job_, never), DeviceKind::cpu);
  EXPECT_EQ(choose_device(DeviceKind::cuda, *job_, never), DeviceKind::cuda);
}

TEST_F(ChooseDevice, the_probe_is_asked_for_the_place_within_the_node) {
  const auto local = [&](int local_rank) -> std::optional<std::string> {
    EXPECT_EQ(local_rank, job_->info().local_rank);
    return std::nullopt;
  };
  choose_device(DeviceKind::automatic, *job_, local);
}

/// Chooses with GPUs on the ranks for which `with` holds; the error's words, "silent" on the ranks
/// that leave them to another.
template <typename Predicate>
std::string error_when(Launch& job, const Predicate& with) {
  const auto probe = [&](int) -> std::optional<std::string> {
    return with(job.info().rank) ? std::nullopt : no_gpu(0);
  };
  try {
    choose_device(DeviceKind::automatic, job, probe);
    return "no error";
  } catch (const ReportedElsewhereError& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::kUsage);
    return "silent";
  } catch (const ConfigError& error) {
    return error.what();
  }
}

TEST_F(ChooseDevice, ranks_that_differ_fail_together_and_the_first_without_a_gpu_speaks) {
  if (world_size() == 1) return;
  const std::string message = error_when(*job_, [](int rank) { return rank != 1; });
  if (rank() != 1) {
    EXPECT_EQ(message, "silent");
    return;
  }
  EXPECT_THAT(message, HasSubstr("device.kind is 'auto' (rank 1 on " + job_->info().host +
                                 " has no GPU: no NVIDIA driver is loaded; rank 0 on "));
  EXPECT_THAT(message, HasSubstr("set device.kind: cpu"));
}

TEST_F(ChooseDevice, the_first_rank_with_a_gpu_is_named_too) {
  if (world_size() == 1) return;
  const int last = world_size() - 1;
  const std::string message = error_when(*job_, [&](int rank) { return rank == last; });
  if (rank() == 0) {
    EXPECT_THAT(message, HasSubstr("; rank " + std::to_string(last) + " on "));
  }
}

}  // namespace
}  // namespace isoflop
