// SPDX-License-Identifier: MIT
#include "trainer/comm/self_collectives.hpp"

#include "trainer/comm/collectives_contract.hpp"

namespace isoflop {
namespace {

std::unique_ptr<Collectives> make_self(CpuDevice& device, const Layout&) {
  return std::make_unique<SelfCollectives>(device);
}

INSTANTIATE_TEST_SUITE_P(Self, CollectivesContract,
                         make_cases({"inline",
                                     kContractDTypes,
                                     {Layout{}},
                                     1000,
                                     on_cpu(CpuStreamMode::run_inline, make_self)}),
                         case_name);
INSTANTIATE_TEST_SUITE_P(DeferredSelf, CollectivesContract,
                         make_cases({"deferred",
                                     kContractDTypes,
                                     {Layout{}},
                                     1000,
                                     on_cpu(CpuStreamMode::deferred, make_self)}),
                         case_name);

}  // namespace
}  // namespace isoflop
