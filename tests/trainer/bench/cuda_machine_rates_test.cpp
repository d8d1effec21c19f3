// SPDX-License-Identifier: MIT
// What is measured on a GPU: what it enqueues there, at full size, and that nothing is read before
// it was written, at a small one.
#include "emulation/emulated_launch.hpp"
#include "emulation/emulation.hpp"
#include "trainer/bench/machine_rates.hpp"

#include <gmock/gmock.h>

#include <set>
#include <string>

namespace isoflop {
namespace {

using emulation::WorkKind;

struct Enqueued {
  std::set<std::string> products;
  int64_t most_read_bytes = 0;  ///< of a kernel
  int64_t n_operation = 0, n_host_wait = 0;
};

/// On a GPU of 8 GiB.
Enqueued enqueued_at_full_size() {
  Enqueued seen;
  emulation::run_ranks(
      {.memory_bytes = int64_t{8} << 30, .execution = emulation::Execution::shapes_only}, [&](int) {
        Backend backend = make_cuda_backend({});
        RateSizes sizes = rate_sizes(backend);
        sizes.measure_seconds = 0;
        const emulation::Counters before = emulation::counters(0);
        measure_machine(backend, sizes);
        const emulation::Counters after = emulation::counters(0);
        seen.n_operation = after.operations - before.operations;
        seen.n_host_wait = after.host_waits - before.host_waits;
        for (const emulation::TimelineEntry& entry : emulation::take_timeline(0)) {
          if (entry.work.kind == WorkKind::product) seen.products.insert(entry.work.detail);
          if (entry.work.kind == WorkKind::kernel)
            seen.most_read_bytes = std::max(seen.most_read_bytes, entry.work.read_bytes);
        }
      });
  return seen;
}

TEST(CudaMachineRates, large_work_follows_each_other_without_waits_of_the_host) {
  const Enqueued seen = enqueued_at_full_size();
  EXPECT_THAT(seen.products, testing::Contains("8192 x 8192 x 8192"));
  EXPECT_EQ(seen.most_read_bytes, int64_t{2} << 30);
  EXPECT_GT(seen.n_operation, 100 * seen.n_host_wait);
}

TEST(CudaMachineRates, reads_nothing_that_was_not_written) {
  const RateSizes sizes{.products = {16, 24},
                        .memory_bytes = 4096,
                        .message_bytes = 4096,
                        .stretch_seconds = 1e-3,
                        .measure_seconds = 1e-3};
  emulation::EmulatedLauncher launcher(2);
  emulation::run_ranks({.n_rank = 2}, [&](int rank) {
    const std::unique_ptr<Launch> launch = launcher.launch(rank);
    Backend backend = make_cuda_backend({.local_rank = rank});
    EXPECT_GT(measure_machine(backend, sizes).matmul_tflops, 0);
    EXPECT_GT(measure_link(*launch, backend, sizes).reduce_scatter_gb_per_s, 0);
  });
}

}  // namespace
}  // namespace isoflop
