// SPDX-License-Identifier: MIT
// Every op of the CUDA backend on a GPU, NVIDIA's kernels included, against the f64 reference.
#include "trainer/backend/op_parity.hpp"

#include "gpu/gpu_launch.hpp"

#include <string>
#include <vector>

namespace isoflop {
namespace {

/// As on the emulated GPU (tests/trainer/backend/cuda/op_parity_test.cpp): of all ops, of manual
/// attention, and of Muon's update.
struct Tolerances {
  double ops, attention, muon;
};
constexpr Tolerances kF32{kF32Tolerance, kF32Tolerance, kF32Tolerance};
constexpr Tolerances kBf16{5e-3, 0.012, 0.02};
constexpr Tolerances kF16{1e-3, 0.0015, 0.02};

template <Precision precision, bool deterministic = true>
Backend make_cuda() {
  return make_cuda_backend({.local_rank = test::gpu_launch().info().local_rank,
                            .precision = precision,
                            .deterministic = deterministic});
}

template <Precision precision>
auto on_gpu(const std::string& name, double tolerance, const std::vector<OpCase>& cases) {
  return testing::Combine(testing::Values(BackendCase{name, make_cuda<precision>, tolerance}),
                          testing::ValuesIn(cases));
}

/// As trainings run by default: the sums of attention's backward pass have no fixed order.
template <Precision precision>
auto by_default(const std::string& name, double tolerance) {
  const BackendCase backend{.name = name,
                            .make = make_cuda<precision, false>,
                            .tolerance = tolerance,
                            .has_fixed_order = false};
  return testing::Combine(testing::Values(backend), testing::ValuesIn(flash_attention_cases()));
}

/// Has a fixed order in both modes.
template <Precision precision>
auto linear_by_default(const std::string& name, double tolerance) {
  std::vector<OpCase> cases = all_op_cases();
  std::erase_if(cases, [](const OpCase& op) { return !op.name.starts_with("linear"); });
  return testing::Combine(
      testing::Values(BackendCase{name, make_cuda<precision, false>, tolerance}),
      testing::ValuesIn(cases));
}

INSTANTIATE_TEST_SUITE_P(GpuF32, OpParity, on_gpu<Precision::fp32>("f32", kF32.ops, all_op_cases()),
                         case_name);
INSTANTIATE_TEST_SUITE_P(GpuBf16, OpParity,
                         on_gpu<Precision::bf16>("bf16", kBf16.ops, all_op_cases()), case_name);
INSTANTIATE_TEST_SUITE_P(GpuF16, OpParity, on_gpu<Precision::fp16>("f16", kF16.ops, all_op_cases()),
                         case_name);

INSTANTIATE_TEST_SUITE_P(GpuBf16Flash, OpParity,
                         on_gpu<Precision::bf16>("bf16", kBf16.ops, flash_attention_cases()),
                         case_name);
INSTANTIATE_TEST_SUITE_P(GpuF16Flash, OpParity,
                         on_gpu<Precision::fp16>("f16", kF16.ops, flash_attention_cases()),
                         case_name);

INSTANTIATE_TEST_SUITE_P(GpuBf16FlashByDefault, OpParity,
                         by_default<Precision::bf16>("bf16", kBf16.ops), case_name);
INSTANTIATE_TEST_SUITE_P(GpuF16FlashByDefault, OpParity,
                         by_default<Precision::fp16>("f16", kF16.ops), case_name);
INSTANTIATE_TEST_SUITE_P(GpuBf16LinearByDefault, OpParity,
                         linear_by_default<Precision::bf16>("bf16", kBf16.ops), case_name);
INSTANTIATE_TEST_SUITE_P(GpuF16LinearByDefault, OpParity,
                         linear_by_default<Precision::fp16>("f16", kF16.ops), case_name);

INSTANTIATE_TEST_SUITE_P(GpuF32Attention, OpParity,
                         on_gpu<Precision::fp32>("f32", kF32.attention, attention_option_cases()),
                         case_name);
INSTANTIATE_TEST_SUITE_P(GpuBf16Attention, OpParity,
                         on_gpu<Precision::bf16>("bf16", kBf16.attention, attention_option_cases()),
                         case_name);
INSTANTIATE_TEST_SUITE_P(GpuF16Attention, OpParity,
                         on_gpu<Precision::fp16>("f16", kF16.attention, attention_option_cases()),
                         case_name);

INSTANTIATE_TEST_SUITE_P(GpuF32Muon, OpParity,
                         on_gpu<Precision::fp32>("f32", kF32.muon, muon_cases()), case_name);
INSTANTIATE_TEST_SUITE_P(GpuBf16Muon, OpParity,
                         on_gpu<Precision::bf16>("bf16", kBf16.muon, muon_cases()), case_name);
INSTANTIATE_TEST_SUITE_P(GpuF16Muon, OpParity,
                         on_gpu<Precision::fp16>("f16", kF16.muon, muon_cases()), case_name);

}  // namespace
}  // namespace isoflop
