// SPDX-License-Identifier: MIT
// Every op of the CUDA backend on an emulated GPU (tests/emulation) against the f64 reference.
#include "../op_parity.hpp"

#include "emulation/emulation.hpp"
#include "emulation/findings.hpp"

#include <gmock/gmock.h>

#include <functional>
#include <string>
#include <vector>

namespace isoflop {
namespace {

using emulation::LaneOrder;

/// bf16 has 8 bits of fraction and f16 has 11: rounding a result costs up to 2e-3 of it (2.4e-4),
/// and attention rounds what lies between its passes too. The reference gets inputs rounded in the
/// same way.
constexpr double kBf16Tolerance = 5e-3;
constexpr double kF16Tolerance = 1e-3;
/// Manual attention rounds scores, probabilities and their gradients too.
constexpr double kBf16AttentionTolerance = 0.012;
constexpr double kF16AttentionTolerance = 0.0015;
/// Newton-Schulz rounds the matrix five times to bf16, whatever two-byte type training has.
constexpr double kMuonTolerance = 0.02;

/// Sums in a fixed order everywhere, as same_call_gives_the_same_bits demands.
template <Precision precision>
Backend make_cuda() {
  return make_cuda_backend({.precision = precision, .deterministic = true});
}

/// Threads and blocks get their turns in this order; a result that depends on it lacks a barrier.
template <LaneOrder order>
void within_emulation(const std::function<void()>& body) {
  emulation::run_ranks({.lane_order = order, .checks_kernel_bytes = true}, [&](int) { body(); });
  EXPECT_THAT(emulation::take_findings(), testing::IsEmpty());
}

template <Precision precision>
std::vector<BackendCase> backends(const std::string& name, double tolerance) {
  return {{name, make_cuda<precision>, tolerance, within_emulation<LaneOrder::forward>},
          {name + "_reverse_lanes", make_cuda<precision>, tolerance,
           within_emulation<LaneOrder::reverse>}};
}

/// Without the longest of our own attention, which take minutes here: CudaF32 has them.
std::vector<OpCase> shorter(std::vector<OpCase> cases) {
  std::erase_if(cases, [](const OpCase& op) {
    const bool is_long =
        op.name.find("_T130_") != op.name.npos || op.name.find("_T200_") != op.name.npos;
    return is_long && op.name.find("_sdpa") != op.name.npos;
  });
  std::erase_if(cases, [](const OpCase& op) {
    return op.name.find("_T200_") != op.name.npos && op.name.find("_manual") != op.name.npos;
  });
  return cases;
}

auto on(const std::vector<BackendCase>& backends, const std::vector<OpCase>& cases) {
  return testing::Combine(testing::ValuesIn(backends), testing::ValuesIn(cases));
}

const auto f32 = backends<Precision::fp32>("f32", kF32Tolerance);
const auto bf16 = backends<Precision::bf16>("bf16", kBf16Tolerance);
const auto f16 = backends<Precision::fp16>("f16", kF16Tolerance);

INSTANTIATE_TEST_SUITE_P(CudaF32, OpParity, on(f32, all_op_cases()), case_name);
INSTANTIATE_TEST_SUITE_P(CudaBf16, OpParity, on(bf16, shorter(all_op_cases())), case_name);
INSTANTIATE_TEST_SUITE_P(CudaF16, OpParity, on(f16, shorter(all_op_cases())), case_name);

INSTANTIATE_TEST_SUITE_P(CudaF32Muon, OpParity, on(f32, muon_cases()), case_name);
INSTANTIATE_TEST_SUITE_P(CudaBf16Muon, OpParity,
                         on(backends<Precision::bf16>("bf16", kMuonTolerance), muon_cases()),
                         case_name);
INSTANTIATE_TEST_SUITE_P(CudaF16Muon, OpParity,
                         on(backends<Precision::fp16>("f16", kMuonTolerance), muon_cases()),
                         case_name);

INSTANTIATE_TEST_SUITE_P(CudaBf16Flash, OpParity, on(bf16, flash_attention_cases()), case_name);
INSTANTIATE_TEST_SUITE_P(CudaF16Flash, OpParity, on(f16, flash_attention_cases()), case_name);

INSTANTIATE_TEST_SUITE_P(CudaF32Attention, OpParity, on(f32, shorter(attention_option_cases())),
                         case_name);
INSTANTIATE_TEST_SUITE_P(CudaBf16Attention, OpParity,
                         on(backends<Precision::bf16>("bf16", kBf16AttentionTolerance),
                            shorter(attention_option_cases())),
                         case_name);
INSTANTIATE_TEST_SUITE_P(CudaF16Attention, OpParity,
                         on(backends<Precision::fp16>("f16", kF16AttentionTolerance),
                            shorter(attention_option_cases())),
                         case_name);

}  // namespace
}  // namespace isoflop
