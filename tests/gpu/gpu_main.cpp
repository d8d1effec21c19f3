// SPDX-License-Identifier: MIT
// GoogleTest's main on GPUs: every rank runs every test, rank 0 prints, a failure on any rank fails
// the job. Where a rank has no GPU nothing runs: the reason is printed, and the exit code is the
// one that ctest takes for skipped.
#include "gpu/gpu_launch.hpp"
#include "trainer/backend/backend.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {
namespace {

constexpr int kSkipped = 77;

std::unique_ptr<Launch> launch;

/// Says so once, by the first rank that lacks one.
bool every_rank_has_a_gpu() {
  const RankInfo& own = launch->info();
  const std::optional<std::string> why_not = why_no_cuda_device(own.local_rank);
  const std::vector<double> lacks = launch->gather_to_all(why_not ? 1 : 0);
  const auto first = std::find(lacks.begin(), lacks.end(), 1.0);
  if (first == lacks.end()) return true;
  if (own.rank == first - lacks.begin())
    fmt::print("skipped: rank {} of {} on {} has no GPU: {}\n", own.rank, own.world_size, own.host,
               *why_not);
  return false;
}

}  // namespace

Launch& test::gpu_launch() { return *launch; }

}  // namespace isoflop

int main(int argc, char** argv) {
  isoflop::launch = isoflop::make_launch(&argc, &argv);
  int code = isoflop::kSkipped;
  if (isoflop::every_rank_has_a_gpu()) {
    testing::InitGoogleTest(&argc, argv);
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    if (isoflop::launch->info().rank != 0)
      delete listeners.Release(listeners.default_result_printer());
    code = static_cast<int>(isoflop::launch->max_over_ranks(RUN_ALL_TESTS()));
  }
  isoflop::launch.reset();
  return code;
}
