// SPDX-License-Identifier: MIT
#include "planner/analysis/compute_budget.hpp"

#include "core/base/error.hpp"
#include "core/hardware/gpu_catalog.hpp"
#include "support/error_matchers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using testing::HasSubstr;

const GpuCatalog& catalog() {
  static const GpuCatalog loaded = GpuCatalog::load();
  return loaded;
}

ComputeSource source(const std::string& gpu, const ComputeSourceOptions& options) {
  const GpuMatch match = catalog().find(gpu);
  return make_compute_source(match.spec, match.how, options, BudgetDefaults::load());
}

// 8 x A100 at 312 TFLOP/s and half of it, $2 an hour: $1,000 buys 500 GPU hours, 2.808e20 FLOPs.
TEST(ComputeBudget, dollars_to_flops_and_back_by_hand) {
  const ComputeSource a100 =
      source("A100-SXM4-80GB", {.precision = {}, .mfu = 0.5, .price_per_hour = 2.0, .n_gpus = 8});
  EXPECT_NEAR(flops_for_dollars(a100, 1000) / 2.808e20, 1, 1e-12);
  const ComputeCost cost = cost_of(a100, 2.808e20);
  EXPECT_NEAR(cost.gpu_hours, 500, 1e-9);
  EXPECT_NEAR(cost.hours.value(), 62.5, 1e-9);
  EXPECT_NEAR(cost.dollars.value(), 1000, 1e-9);
  EXPECT_FALSE(a100.mfu.assumed);
}

TEST(ComputeBudget, what_is_assumed_is_marked_and_has_a_source) {
  const ComputeSource h100 = source("H100-SXM5-80GB", {});
  EXPECT_TRUE(h100.mfu.assumed);
  EXPECT_EQ(h100.mfu.value, 0.4);
  EXPECT_THAT(h100.mfu.source, HasSubstr("arXiv:2407.21783"));
  EXPECT_TRUE(h100.price_per_hour->assumed);
  EXPECT_EQ(cost_of(h100, 1e20).hours, std::nullopt);
}

TEST(ComputeBudget, every_price_is_of_a_gpu_of_the_catalogue) {
  for (const auto& [gpu, figure] : BudgetDefaults::load().usd_per_gpu_hour) {
    EXPECT_EQ(catalog().find(gpu).spec.name, gpu);
    EXPECT_FALSE(figure.source.empty()) << gpu;
  }
}

TEST(ComputeBudget, without_a_known_price_one_must_be_stated) {
  const ComputeSource mi300x = source("MI300X", {});
  EXPECT_EQ(cost_of(mi300x, 1e20).dollars, std::nullopt);
  EXPECT_THAT(test::message_of<ConfigError>([&] { flops_for_dollars(mi300x, 100); }),
              HasSubstr("has none for MI300X); give --price"));
}

TEST(ComputeBudget, precisions_the_gpu_lacks_or_without_a_default_mfu_are_refused) {
  EXPECT_THAT(test::message_of<ConfigError>([] { source("V100", {.precision = Precision::bf16}); }),
              HasSubstr("has no bf16"));
  EXPECT_THAT(test::message_of<ConfigError>([] { source("H100", {.precision = Precision::fp8}); }),
              HasSubstr("give --mfu"));
  EXPECT_EQ(source("V100", {}).precision, Precision::fp16);
  EXPECT_EQ(source("H100", {.precision = Precision::fp8, .mfu = 0.3}).peak_tflops, 1978.9);
}

TEST(ComputeBudget, a_default_mfu_above_one_is_refused) {
  EXPECT_THAT(test::message_of<ConfigError>([] {
                BudgetDefaults::read(ConfigNode::parse(
                    "mfu: {value: 40, source: x}\ngpu_prices_usd_per_hour: {}\n", "d.yaml"));
              }),
              HasSubstr("write 0.4 for 40 %"));
}

}  // namespace
}  // namespace isoflop
