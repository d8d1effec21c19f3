// SPDX-License-Identifier: MIT
#pragma once

#include "op_cases.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <ostream>
#include <string>
#include <tuple>

/// Every op of a backend against the f64 reference. The tests are in op_parity.cpp; a program
/// instantiates them for its backends.
namespace isoflop {

struct BackendCase {
  std::string name;
  std::function<Backend()> make;
  double tolerance;  ///< relative, Euclidean norm over each output tensor
  /// Runs a test's body where the backend can live.
  std::function<void(const std::function<void()>& body)> within = [](const auto& body) { body(); };
  bool has_fixed_order = true;  ///< of sums: the same call gives the same bits
};

/// For GoogleTest's messages.
inline void PrintTo(const BackendCase& backend, std::ostream* out) { *out << backend.name; }

/// f32 has 24 bits (6e-8); sums of a few hundred products and the approximated exponentials stay
/// below 1e-6, so 1e-5 leaves room and still catches a wrong term anywhere.
inline constexpr double kF32Tolerance = 1e-5;

class OpParity : public testing::TestWithParam<std::tuple<BackendCase, OpCase>> {
 protected:
  const BackendCase& backend() const { return std::get<0>(GetParam()); }
  const OpCase& op() const { return std::get<1>(GetParam()); }
};

/// "backend_op", for INSTANTIATE_TEST_SUITE_P.
inline std::string case_name(const testing::TestParamInfo<OpParity::ParamType>& parameter) {
  return std::get<0>(parameter.param).name + "_" + std::get<1>(parameter.param).name;
}

}  // namespace isoflop
