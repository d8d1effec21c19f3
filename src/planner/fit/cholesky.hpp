// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace isoflop {

/// A dense square matrix by rows.
class SquareMatrix {
 public:
  explicit SquareMatrix(std::size_t n) : n_(n), values_(n * n) {}

  std::size_t size() const { return n_; }
  double& operator()(std::size_t row, std::size_t column) { return values_[row * n_ + column]; }
  double operator()(std::size_t row, std::size_t column) const {
    return values_[row * n_ + column];
  }

 private:
  std::size_t n_;
  std::vector<double> values_;
};

/// Lower L with L L^T = a symmetric matrix; absent when it is not positive definite.
std::optional<SquareMatrix> cholesky(const SquareMatrix& matrix);

/// x with L L^T x = right.
std::vector<double> solve(const SquareMatrix& factor, std::vector<double> right);

}  // namespace isoflop
