// SPDX-License-Identifier: MIT
#include "trainer/backend/muon.hpp"

#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/op_contracts.hpp"
#include "trainer/backend/reference/reference_ops.hpp"

#include <cmath>
#include <vector>

namespace isoflop {
namespace {

struct Matrix {
  int64_t rows, cols;
  std::vector<double> data;
  double& at(int64_t i, int64_t j) { return data[static_cast<std::size_t>(i * cols + j)]; }
  double at(int64_t i, int64_t j) const { return data[static_cast<std::size_t>(i * cols + j)]; }
};

Matrix zeros(int64_t rows, int64_t cols) {
  return {rows, cols, std::vector<double>(static_cast<std::size_t>(rows * cols))};
}

Matrix transposed(const Matrix& a) {
  Matrix out = zeros(a.cols, a.rows);
  for (int64_t i = 0; i < a.rows; ++i)
    for (int64_t j = 0; j < a.cols; ++j) out.at(j, i) = a.at(i, j);
  return out;
}

Matrix product(const Matrix& a, const Matrix& b) {
  Matrix out = zeros(a.rows, b.cols);
  for (int64_t i = 0; i < a.rows; ++i)
    for (int64_t k = 0; k < a.cols; ++k)
      for (int64_t j = 0; j < b.cols; ++j) out.at(i, j) += a.at(i, k) * b.at(k, j);
  return out;
}

/// x = a x + (b A + c A^2) x with A = x x^T, on the matrix scaled to norm 1.
Matrix orthogonalised(Matrix x, int n_iteration) {
  double sum_of_squares = 0;
  for (const double value : x.data) sum_of_squares += value * value;
  for (double& value : x.data) value /= std::sqrt(sum_of_squares) + kNewtonSchulzEps;
  const auto [a, b, c] = kNewtonSchulz;
  for (int i = 0; i < n_iteration; ++i) {
    const Matrix gram = product(x, transposed(x));
    Matrix factor = product(gram, gram);
    for (std::size_t k = 0; k < factor.data.size(); ++k)
      factor.data[k] = b * gram.data[k] + c * factor.data[k];
    const Matrix step = product(factor, x);
    for (std::size_t k = 0; k < x.data.size(); ++k) x.data[k] = a * x.data[k] + step.data[k];
  }
  return x;
}

}  // namespace

void ReferenceOps::muon_update(const Exec& exec, TensorView update, TensorView momentum,
                               TensorView grad, const StepState* state, const MuonParams& params) {
  check_muon(update, momentum, grad);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    if (state->output.skip != 0) return;
    Matrix direction = zeros(update.extent(0), update.extent(1));
    for (std::size_t i = 0; i < direction.data.size(); ++i) {
      const double g = grad.as<double>()[i] * state->output.clip_scale;
      double& m = momentum.as<double>()[i];
      m = params.momentum * m + g;
      direction.data[i] = params.nesterov ? g + params.momentum * m : m;
    }
    // The smaller Gram matrix: with more rows than columns the transpose is orthogonalised.
    const bool tall = direction.rows > direction.cols;
    direction = orthogonalised(tall ? transposed(direction) : direction, params.n_iteration);
    if (tall) direction = transposed(direction);
    const double scale = muon_update_scale(direction.rows, direction.cols);
    for (std::size_t i = 0; i < direction.data.size(); ++i)
      update.as<double>()[i] = scale * direction.data[i];
  });
}

}  // namespace isoflop
