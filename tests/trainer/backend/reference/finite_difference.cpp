// SPDX-License-Identifier: MIT
#include "finite_difference.hpp"

#include "../op_rig.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace isoflop {
namespace {

constexpr double kStep = 1e-5;
constexpr double kTolerance = 1e-7;

Values central_difference(const DifferentiableOp& op, std::size_t input, const Values& cotangent) {
  const auto loss = [&](const std::vector<Values>& inputs) {
    const Values out = op.forward(inputs);
    return std::inner_product(out.begin(), out.end(), cotangent.begin(), 0.0);
  };
  std::vector<Values> inputs = op.inputs;
  Values gradient;
  for (double& x : inputs[input]) {
    const double centre = x;
    x = centre + kStep;
    const double above = loss(inputs);
    x = centre - kStep;
    const double below = loss(inputs);
    x = centre;
    gradient.push_back((above - below) / (2 * kStep));
  }
  return gradient;
}

double norm(const Values& values) {
  return std::sqrt(std::inner_product(values.begin(), values.end(), values.begin(), 0.0));
}

Values difference(Values a, const Values& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] -= b[i];
  return a;
}

}  // namespace

void expect_gradients(const DifferentiableOp& op) {
  const auto n_outputs = static_cast<int64_t>(op.forward(op.inputs).size());
  const Values cotangent = random_values(n_outputs, 99);
  const std::vector<Values> gradients = op.backward(op.inputs, cotangent);
  ASSERT_EQ(gradients.size(), op.inputs.size());
  for (std::size_t i = 0; i < op.inputs.size(); ++i) {
    const Values expected = central_difference(op, i, cotangent);
    ASSERT_EQ(gradients[i].size(), expected.size());
    ASSERT_GT(norm(expected), 1e-3) << op.input_names[i] << " has no gradient to compare";
    EXPECT_LE(norm(difference(gradients[i], expected)), kTolerance * norm(expected))
        << op.input_names[i];
  }
}

}  // namespace isoflop
