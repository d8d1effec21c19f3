// SPDX-License-Identifier: MIT
// Runs on 1, 2 and 4 ranks.
#include "trainer/bench/machine_rates.hpp"

#include <gmock/gmock.h>

namespace isoflop {
namespace {

RateSizes small() {
  return {.products = {16, 64},
          .memory_bytes = 1 << 16,
          .message_bytes = 1 << 16,
          .measure_seconds = 0.01};
}

TEST(MachineRates, a_cpu_has_rates_that_one_core_can_reach) {
  Backend backend = make_cpu_backend({});
  const MachineRates rates = measure_machine(backend, small());
  EXPECT_GT(rates.matmul_tflops, 0);
  EXPECT_LT(rates.matmul_tflops, 100);
  EXPECT_GT(rates.mem_gb_per_s, 0);
  EXPECT_LT(rates.mem_gb_per_s, 1e5);
}

TEST(MachineRates, every_precision_and_stretches_of_calls_are_measured) {
  for (const Precision precision : {Precision::fp32, Precision::bf16, Precision::fp16}) {
    Backend backend = make_cpu_backend({}, precision);
    RateSizes sizes = small();
    sizes.stretch_seconds = 1e-3;
    const double rate = large_matmul_tflops(backend, sizes);
    EXPECT_GT(rate, 0) << to_string(precision);
    EXPECT_LT(rate, 100) << to_string(precision);
  }
}

TEST(MachineRates, collectives_have_rates_that_are_equal_on_all_ranks) {
  const std::unique_ptr<Launch> launch = make_launch(nullptr, nullptr);
  if (launch->info().world_size == 1) GTEST_SKIP() << "one rank has no links";
  Backend backend = make_cpu_backend({});
  const LinkRates rates = measure_link(*launch, backend, small());
  for (const double figure : {rates.all_reduce_gb_per_s, rates.all_gather_gb_per_s,
                              rates.reduce_scatter_gb_per_s, rates.latency_us}) {
    EXPECT_GT(figure, 0);
    EXPECT_THAT(launch->gather_to_all(figure), testing::Each(figure));
  }
}

TEST(RateSizes, of_a_cpu_are_what_clusters_were_measured_with) {
  const RateSizes sizes = rate_sizes(make_cpu_backend({}));
  EXPECT_THAT(sizes.products, testing::ElementsAre(1024, 1536, 2048));
  EXPECT_EQ(sizes.message_bytes, 16 << 20);
  EXPECT_EQ(sizes.stretch_seconds, 0);
}

}  // namespace
}  // namespace isoflop
