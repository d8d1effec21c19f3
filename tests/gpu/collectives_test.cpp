// SPDX-License-Identifier: MIT
// NCCL's collectives between GPUs: what every implementation promises, and that they are not far
// below the links.
#include "core/hardware/gpu_catalog.hpp"
#include "gpu/gpu_launch.hpp"
#include "trainer/backend/backend.hpp"
#include "trainer/backend/cuda/cuda_device.hpp"
#include "trainer/bench/machine_rates.hpp"
#include "trainer/comm/collectives_contract.hpp"

#include <vector>

namespace isoflop {
namespace {

int world_size() { return test::gpu_launch().info().world_size; }

std::vector<Layout> grids() {
  std::vector<Layout> grids = {{.n_shard = world_size()}, {.n_replica = world_size()}};
  if (world_size() >= 4) grids.push_back({.n_replica = 2, .n_shard = world_size() / 2});
  return grids;
}

void on_this_gpu(const Layout& layout, const ContractCase::Body& body) {
  CudaDevice device(test::gpu_launch().info().local_rank);
  const auto collectives = test::gpu_launch().make_collectives(device, layout);
  body(device, *collectives);
}

// GoogleTest evaluates the grids when gpu_main.cpp has found the ranks.
INSTANTIATE_TEST_SUITE_P(Small, CollectivesContract,
                         make_cases({"small",
                                     {DType::f32, DType::f64, DType::bf16, DType::f16, DType::i32,
                                      DType::i64},
                                     grids(),
                                     128,
                                     on_this_gpu}),
                         case_name);
INSTANTIATE_TEST_SUITE_P(
    Large, CollectivesContract,
    make_cases({"large", {DType::f32, DType::bf16, DType::f16}, grids(), 1'000'003, on_this_gpu}),
    case_name);

/// Half of what the catalogue says of the links of a node whose GPUs are joined: a ring that goes
/// through the host's memory instead reaches a tenth.
TEST(GpuLinks, an_all_reduce_reaches_half_of_the_scale_up_links) {
  Launch& launch = test::gpu_launch();
  if (world_size() == 1) GTEST_SKIP() << "one rank has no links";
  Backend backend = make_cuda_backend({.local_rank = launch.info().local_rank});
  const LinkRates rates = measure_link(launch, backend, rate_sizes(backend));
  const auto spec = GpuCatalog::load().find_device(backend.gpu_name);
  if (!spec || !spec->scaleup_gb_per_s() || launch.info().local_size != world_size())
    GTEST_SKIP() << "no links of " << backend.gpu_name << " are known between these ranks";
  EXPECT_GE(rates.all_reduce_gb_per_s, 0.5 * *spec->scaleup_gb_per_s());
}

}  // namespace
}  // namespace isoflop
