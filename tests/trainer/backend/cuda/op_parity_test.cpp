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

/// bf16 has 8 bits: rounding a result costs up to 2e-3 of it, and attention rounds what lies
/// between its passes too (3.4e-3 in all at these sizes). The reference gets inputs rounded in the
/// same way.
constexpr double kBf16Tolerance = 5e-3;

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

/// All but attention with heads that cuDNN's kernels do not take: widths in multiples of 8 only.
std::vector<OpCase> bf16_op_cases() {
  std::vector<OpCase> cases = all_op_cases();
  std::erase_if(cases, [](const OpCase& op) { return op.name == "attention_B1_T33_H1_G1_D6"; });
  return cases;
}

INSTANTIATE_TEST_SUITE_P(
    CudaF32, OpParity,
    testing::Combine(testing::ValuesIn(backends<Precision::fp32>("f32", kF32Tolerance)),
                     testing::ValuesIn(all_op_cases())),
    case_name);
INSTANTIATE_TEST_SUITE_P(
    CudaBf16, OpParity,
    testing::Combine(testing::ValuesIn(backends<Precision::bf16>("bf16", kBf16Tolerance)),
                     testing::ValuesIn(bf16_op_cases())),
    case_name);

}  // namespace
}  // namespace isoflop
