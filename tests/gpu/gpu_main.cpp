// SPDX-License-Identifier: MIT
// GoogleTest's main on GPUs: every rank runs every test, rank 0 prints, a failure on any rank fails
// the job. Where a rank has no GPU of its own nothing runs: the reason is printed, and the exit
// code is the one that ctest takes for skipped.
#include "gpu/gpu_launch.hpp"
#include "trainer/backend/backend.hpp"
#include "trainer/backend/cuda/cuda_probe.hpp"
#include "trainer/backend/cuda/read_gpu_facts.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {
namespace {

constexpr int kSkipped = 77;

std::unique_ptr<Launch> launch;

/// Why this rank's GPU is another rank's too: a single visible GPU is that of all ranks, and NCCL
/// takes it for one of them only. Collective over all ranks.
std::optional<std::string> why_no_own_gpu(const RankInfo& own) {
  const std::string gpu = read_gpu_facts(find_cuda_device(own.local_rank)).pci_bus_id;
  const auto number = static_cast<double>(std::hash<std::string>{}(own.host + gpu) >> 12);
  const std::vector<double> numbers = launch->gather_to_all(number);
  const auto first = std::find(numbers.begin(), numbers.end(), number) - numbers.begin();
  if (first == own.rank) return std::nullopt;
  return fmt::format("rank {} uses {} too", first, gpu);
}

/// False where a rank has a reason against it, which the first such rank prints.
bool no_rank_says(const std::optional<std::string>& why_not) {
  const RankInfo& own = launch->info();
  const std::vector<double> says = launch->gather_to_all(why_not ? 1 : 0);
  const auto first = std::find(says.begin(), says.end(), 1.0);
  if (first == says.end()) return true;
  if (own.rank == first - says.begin())
    fmt::print("skipped: rank {} of {} on {} has no GPU: {}\n", own.rank, own.world_size, own.host,
               *why_not);
  return false;
}

bool every_rank_has_a_gpu() {
  const RankInfo& own = launch->info();
  return no_rank_says(why_no_cuda_device(own.local_rank)) && no_rank_says(why_no_own_gpu(own));
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
