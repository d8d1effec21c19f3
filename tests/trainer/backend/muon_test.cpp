// SPDX-License-Identifier: MIT
// What Muon's update is, on both backends: singular values, not the iteration's own arithmetic.
#include "trainer/backend/muon.hpp"

#include "op_rig.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <ostream>
#include <vector>

namespace isoflop {
namespace {

using Values = std::vector<double>;

struct Case {
  bool reference;
  int64_t rows, cols;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << (c.reference ? "reference" : "cpu") << "_" << c.rows << "x" << c.cols;
}

/// Singular values of a (rows, cols), largest first, by one-sided Jacobi rotations (Golub and Van
/// Loan, Matrix Computations, section 8.6.3): columns of the lying matrix are made orthogonal.
Values singular_values(const Values& a, int64_t rows, int64_t cols) {
  const int64_t n = std::min(rows, cols), length = std::max(rows, cols);
  std::vector<Values> vectors(static_cast<std::size_t>(n),
                              Values(static_cast<std::size_t>(length)));
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < cols; ++j)
      vectors[static_cast<std::size_t>(rows <= cols ? i : j)]
             [static_cast<std::size_t>(rows <= cols ? j : i)] =
                 a[static_cast<std::size_t>(i * cols + j)];
  const auto dot = [](const Values& x, const Values& y) {
    return std::inner_product(x.begin(), x.end(), y.begin(), 0.0);
  };
  for (int sweep = 0; sweep < 30; ++sweep) {
    for (std::size_t p = 0; p + 1 < vectors.size(); ++p) {
      for (std::size_t q = p + 1; q < vectors.size(); ++q) {
        Values &x = vectors[p], &y = vectors[q];
        const double angle = 0.5 * std::atan2(2 * dot(x, y), dot(x, x) - dot(y, y));
        const double cosine = std::cos(angle), sine = std::sin(angle);
        for (std::size_t k = 0; k < x.size(); ++k) {
          const double xk = x[k];
          x[k] = cosine * xk + sine * y[k];
          y[k] = cosine * y[k] - sine * xk;
        }
      }
    }
  }
  Values values;
  for (const Values& vector : vectors) values.push_back(std::sqrt(dot(vector, vector)));
  std::sort(values.rbegin(), values.rend());
  return values;
}

class Muon : public testing::TestWithParam<Case> {
 protected:
  int64_t rows() const { return GetParam().rows; }
  int64_t cols() const { return GetParam().cols; }
  TensorView matrix(const Values& values) {
    return rig_.tensor(rig_.master_dtype(), {rows(), cols()}, values);
  }
  TensorView filled(double value) {
    return rig_.filled(rig_.master_dtype(), {rows(), cols()}, value);
  }
  /// Of the first step.
  Values first_update(const Values& grad, const MuonParams& params = {}) {
    const TensorView update = filled(0);
    rig_.ops().muon_update(rig_.exec(), update, filled(0), matrix(grad), rig_.state({}), params);
    return rig_.read(update);
  }
  OpRig rig_{GetParam().reference ? make_reference_backend({}) : make_cpu_backend({})};
};

// The polynomial takes [0.05, 1] to [0.68, 1.14] in five iterations; gradients of independent
// elements have no smaller singular values at these shapes once divided by their norm, and half
// that spread.
TEST_P(Muon, singular_values_of_the_update_are_near_the_update_scale) {
  const Values update = first_update(random_values(rows() * cols(), 5));
  const double scale = muon_update_scale(rows(), cols());
  for (const double value : singular_values(update, rows(), cols())) {
    EXPECT_GT(value, 0.67 * scale);
    EXPECT_LT(value, 1.21 * scale);
  }
}

// The direction depends on the gradient's direction alone, and clipping scales all of it.
TEST_P(Muon, the_size_of_the_gradient_does_not_matter) {
  Values grad = random_values(rows() * cols(), 5);
  const Values update = first_update(grad);
  for (double& value : grad) value *= 1024;
  const Values of_large = first_update(grad);
  for (std::size_t i = 0; i < update.size(); ++i)
    EXPECT_NEAR(of_large[i], update[i], 1e-4 * muon_update_scale(rows(), cols()));
}

TEST_P(Muon, a_gradient_of_zero_gives_no_update) {
  EXPECT_THAT(first_update(Values(static_cast<std::size_t>(rows() * cols()), 0)), testing::Each(0));
}

TEST_P(Muon, the_update_may_take_the_place_of_the_gradient) {
  const Values grad = random_values(rows() * cols(), 5);
  const TensorView inout = matrix(grad);
  rig_.ops().muon_update(rig_.exec(), inout, filled(0), inout, rig_.state({}), {});
  EXPECT_EQ(rig_.read(inout), first_update(grad));
}

TEST_P(Muon, a_skipped_step_leaves_momentum_alone) {
  const TensorView m = filled(3);
  StepState state;
  state.output.skip = 1;
  rig_.ops().muon_update(rig_.exec(), filled(0), m, filled(INFINITY), rig_.state(state), {});
  EXPECT_THAT(rig_.read(m), testing::Each(3));
}

// 0.5 x 3 + 0.25 x 2.
TEST_P(Muon, momentum_is_a_decaying_sum_of_clipped_gradients) {
  const TensorView m = filled(3);
  StepState state;
  state.output.clip_scale = 0.25;
  rig_.ops().muon_update(rig_.exec(), filled(0), m, filled(2), rig_.state(state),
                         {.momentum = 0.5});
  EXPECT_THAT(rig_.read(m), testing::Each(2));
}

INSTANTIATE_TEST_SUITE_P(All, Muon,
                         testing::Values(Case{true, 24, 40}, Case{true, 40, 24}, Case{true, 1, 30},
                                         Case{true, 30, 1}, Case{false, 24, 40},
                                         Case{false, 40, 24}, Case{false, 1, 30},
                                         Case{false, 30, 1}, Case{false, 32, 300}),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace isoflop
