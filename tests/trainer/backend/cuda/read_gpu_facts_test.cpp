// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/read_gpu_facts.hpp"

#include "emulation/test_gpu.hpp"

namespace isoflop {
namespace {

TEST(GpuFacts, are_of_this_ranks_gpu) {
  emulation::run_ranks({.n_rank = 2, .memory_bytes = 1 << 20}, [](int rank) {
    emulation::TestGpu gpu;
    gpu.allocate<char>(4096);
    const GpuFacts facts = read_gpu_facts(rank);
    EXPECT_EQ(facts.driver, "13.0");
    EXPECT_EQ(facts.pci_bus_id, rank == 0 ? "0000:00:00.0" : "0000:01:00.0");
    EXPECT_EQ(facts.total_bytes, 1 << 20);
    EXPECT_EQ(facts.free_bytes, (1 << 20) - 4096);
    EXPECT_TRUE(facts.out_of_reach.empty());
  });
}

}  // namespace
}  // namespace isoflop
