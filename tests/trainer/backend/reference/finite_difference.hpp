// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace isoflop {

using Values = std::vector<double>;

/// An op as a function of its inputs, and the gradients its backward gives.
struct DifferentiableOp {
  std::vector<std::string> input_names;
  std::vector<Values> inputs;
  /// All outputs, one after another.
  std::function<Values(const std::vector<Values>& inputs)> forward;
  /// One gradient per input of sum(cotangent x outputs).
  std::function<std::vector<Values>(const std::vector<Values>& inputs, const Values& cotangent)>
      backward;
};

/// Expects every gradient within 1e-7 (relative, Euclidean norm over the input) of the central
/// difference of sum(cotangent x outputs) with step 1e-5. In f64 the difference itself is good to
/// about h^2 = 1e-10 (third derivatives of order 1) plus eps |L| / h = 1e-11 |L|.
void expect_gradients(const DifferentiableOp& op);

}  // namespace isoflop
