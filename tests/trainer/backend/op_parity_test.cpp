// SPDX-License-Identifier: MIT
#include "op_parity.hpp"

#include <vector>

namespace isoflop {
namespace {

template <CpuStreamMode mode, int n_threads>
Backend make_cpu() {
  return make_cpu_backend({.n_threads = n_threads, .mode = mode, .schedule_seed = 3});
}

std::vector<BackendCase> cpu_backends() {
  return {{"cpu_inline_1_thread", make_cpu<CpuStreamMode::run_inline, 1>, kF32Tolerance},
          {"cpu_inline_2_threads", make_cpu<CpuStreamMode::run_inline, 2>, kF32Tolerance},
          {"cpu_deferred_2_threads", make_cpu<CpuStreamMode::deferred, 2>, kF32Tolerance}};
}

INSTANTIATE_TEST_SUITE_P(CpuBackends, OpParity,
                         testing::Combine(testing::ValuesIn(cpu_backends()),
                                          testing::ValuesIn(all_op_cases())),
                         case_name);

}  // namespace
}  // namespace isoflop
