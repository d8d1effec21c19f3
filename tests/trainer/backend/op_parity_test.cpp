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

/// Backends with one thread, one per compute type. bf16 has 8 bits of fraction: results are rounded
/// by up to 2^-9 of their size; manual attention also rounds scores, probabilities and their
/// gradients, each of which errs by as much. f16 has 11.
std::vector<BackendCase> cpu_precisions() {
  const auto make = [](Precision precision) {
    return [precision] { return make_cpu_backend({}, precision); };
  };
  return {{"fp32", make(Precision::fp32), kF32Tolerance},
          {"bf16", make(Precision::bf16), 0.012},
          {"fp16", make(Precision::fp16), 0.0015}};
}

INSTANTIATE_TEST_SUITE_P(AttentionOptions, OpParity,
                         testing::Combine(testing::ValuesIn(cpu_precisions()),
                                          testing::ValuesIn(attention_option_cases())),
                         case_name);

}  // namespace
}  // namespace isoflop
