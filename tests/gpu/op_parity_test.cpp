// SPDX-License-Identifier: MIT
// Every op of the CUDA backend on a GPU, NVIDIA's kernels included, against the f64 reference.
#include "trainer/backend/op_parity.hpp"

#include "gpu/gpu_launch.hpp"

#include <vector>

namespace isoflop {
namespace {

/// As on the emulated GPU (tests/trainer/backend/cuda/op_parity_test.cpp).
constexpr double kBf16Tolerance = 5e-3;

template <Precision precision>
Backend make_cuda() {
  return make_cuda_backend({.local_rank = test::gpu_launch().info().local_rank,
                            .precision = precision,
                            .deterministic = true});
}

/// All but attention with heads that cuDNN's kernels do not take: widths in multiples of 8 only.
std::vector<OpCase> bf16_op_cases() {
  std::vector<OpCase> cases = all_op_cases();
  std::erase_if(cases, [](const OpCase& op) { return op.name == "attention_B1_T33_H1_G1_D6"; });
  return cases;
}

INSTANTIATE_TEST_SUITE_P(GpuF32, OpParity,
                         testing::Combine(testing::Values(BackendCase{
                                              "f32", make_cuda<Precision::fp32>, kF32Tolerance}),
                                          testing::ValuesIn(all_op_cases())),
                         case_name);
INSTANTIATE_TEST_SUITE_P(GpuBf16, OpParity,
                         testing::Combine(testing::Values(BackendCase{
                                              "bf16", make_cuda<Precision::bf16>, kBf16Tolerance}),
                                          testing::ValuesIn(bf16_op_cases())),
                         case_name);

}  // namespace
}  // namespace isoflop
