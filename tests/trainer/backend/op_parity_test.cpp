// SPDX-License-Identifier: MIT
#include "op_parity.hpp"

#include <vector>

namespace isoflop {
namespace {

template <Precision precision, int n_threads, CpuStreamMode mode = CpuStreamMode::run_inline>
Backend make_cpu() {
  return make_cpu_backend({.n_threads = n_threads, .mode = mode, .schedule_seed = 3}, precision);
}

/// bf16 has 8 bits of fraction and f16 has 11: a result that is rounded once errs by up to 2^-9 of
/// its size, and 2^-12; what is rounded on the way (a residual, probabilities) adds as much again.
/// The reference gets inputs rounded in the same way.
constexpr double kBf16Tolerance = 5e-3;
constexpr double kF16Tolerance = 1e-3;
/// Manual attention rounds scores, probabilities and their gradients too.
constexpr double kBf16AttentionTolerance = 0.012;
constexpr double kF16AttentionTolerance = 0.0015;

std::vector<BackendCase> cpu_backends() {
  using enum Precision;
  return {{"cpu_inline_1_thread", make_cpu<fp32, 1>, kF32Tolerance},
          {"cpu_inline_2_threads", make_cpu<fp32, 2>, kF32Tolerance},
          {"cpu_deferred_2_threads", make_cpu<fp32, 2, CpuStreamMode::deferred>, kF32Tolerance},
          {"cpu_bf16", make_cpu<bf16, 2>, kBf16Tolerance},
          {"cpu_fp16", make_cpu<fp16, 2>, kF16Tolerance}};
}

INSTANTIATE_TEST_SUITE_P(CpuBackends, OpParity,
                         testing::Combine(testing::ValuesIn(cpu_backends()),
                                          testing::ValuesIn(all_op_cases())),
                         case_name);
INSTANTIATE_TEST_SUITE_P(Muon, OpParity,
                         testing::Combine(testing::ValuesIn(cpu_backends()),
                                          testing::ValuesIn(muon_cases())),
                         case_name);

std::vector<BackendCase> attention_backends() {
  using enum Precision;
  return {{"fp32", make_cpu<fp32, 1>, kF32Tolerance},
          {"bf16", make_cpu<bf16, 1>, kBf16AttentionTolerance},
          {"fp16", make_cpu<fp16, 1>, kF16AttentionTolerance}};
}

INSTANTIATE_TEST_SUITE_P(AttentionOptions, OpParity,
                         testing::Combine(testing::ValuesIn(attention_backends()),
                                          testing::ValuesIn(attention_option_cases())),
                         case_name);

}  // namespace
}  // namespace isoflop
