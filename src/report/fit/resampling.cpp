// SPDX-License-Identifier: MIT
#include "report/fit/resampling.hpp"

#include "core/base/check.hpp"
#include "core/base/mix_bits.hpp"

#include <algorithm>
#include <cmath>

namespace isoflop::fit {
namespace {

/// Uniform in [0, n) up to a bias of n / 2^32: the high half of a product (Lemire 2019).
std::size_t draw(uint64_t seed, std::size_t resample, std::size_t position, std::size_t n) {
  const uint64_t bits = mix_bits(mix_bits(mix_bits(seed) + resample) + position);
  return static_cast<std::size_t>(((bits >> 32) * static_cast<uint64_t>(n)) >> 32);
}

double quantile(std::span<const double> sorted, double share) {
  const double position = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (position - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

using Matrix = std::vector<std::vector<double>>;

std::vector<double> mean_of(std::span<const std::vector<double>> rows) {
  std::vector<double> mean(rows.front().size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < mean.size(); ++i)
      mean[i] += row[i] / static_cast<double>(rows.size());
  }
  return mean;
}

/// Lower triangular L with L L^T = matrix; absent when that is not positive definite.
std::optional<Matrix> cholesky(const Matrix& matrix) {
  Matrix factor(matrix.size(), std::vector<double>(matrix.size()));
  for (std::size_t i = 0; i < matrix.size(); ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double rest = matrix[i][j];
      for (std::size_t k = 0; k < j; ++k) rest -= factor[i][k] * factor[j][k];
      if (i == j && !(rest > 1e-14 * matrix[i][i])) return std::nullopt;
      factor[i][j] = i == j ? std::sqrt(rest) : rest / factor[j][j];
    }
  }
  return factor;
}

/// |L^-1 (row - mean)|^2, Mahalanobis' distance squared.
double distance(const Matrix& factor, std::span<const double> mean, std::span<const double> row) {
  std::vector<double> solved(row.size());
  double squares = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    double rest = row[i] - mean[i];
    for (std::size_t k = 0; k < i; ++k) rest -= factor[i][k] * solved[k];
    solved[i] = rest / factor[i][i];
    squares += solved[i] * solved[i];
  }
  return squares;
}

/// The `count` rows nearest to `mean`.
Matrix nearest(std::span<const std::vector<double>> rows, const Matrix& factor,
               std::span<const double> mean, std::size_t count) {
  std::vector<std::pair<double, std::size_t>> distances;
  for (std::size_t i = 0; i < rows.size(); ++i)
    distances.emplace_back(distance(factor, mean, rows[i]), i);
  std::sort(distances.begin(), distances.end());
  Matrix kept;
  for (std::size_t i = 0; i < count; ++i) kept.push_back(rows[distances[i].second]);
  return kept;
}

}  // namespace

std::vector<float> resample_counts(std::span<const std::size_t> runs, std::size_t n_resample,
                                   uint64_t seed) {
  const std::size_t n_run = runs.empty() ? 0 : *std::max_element(runs.begin(), runs.end()) + 1;
  std::vector<float> counts;
  counts.reserve(n_resample * runs.size());
  for (std::size_t resample = 0; resample < n_resample; ++resample) {
    std::vector<float> drawn(n_run);
    for (std::size_t i = 0; i < n_run; ++i) ++drawn[draw(seed, resample, i, n_run)];
    for (const std::size_t run : runs) counts.push_back(drawn[run]);
  }
  return counts;
}

Range interval_95(std::vector<double> values) {
  ISOFLOP_CHECK(!values.empty());
  std::sort(values.begin(), values.end());
  return {quantile(values, 0.025), quantile(values, 0.975)};
}

std::vector<std::vector<double>> sample_covariance(std::span<const std::vector<double>> rows) {
  ISOFLOP_CHECK(rows.size() > 1);
  const std::size_t n = rows.front().size();
  const std::vector<double> mean = mean_of(rows);
  std::vector<std::vector<double>> covariance(n, std::vector<double>(n));
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j)
        covariance[i][j] += (row[i] - mean[i]) * (row[j] - mean[j]);
    }
  }
  for (auto& row : covariance) {
    for (double& value : row) value /= static_cast<double>(rows.size() - 1);
  }
  return covariance;
}

std::optional<std::vector<std::vector<double>>> trimmed_covariance(
    std::span<const std::vector<double>> rows) {
  constexpr int kSteps = 10;
  constexpr double kKept = 0.95;
  // A normal distribution in 5 dimensions within the distance that holds 95 % of it: the 95 % point
  // of chi^2_5 is 11.0705, below which lies 0.8644 of chi^2_7.
  constexpr double kTrimmedVariance = 0.8644 / kKept;
  const auto count = static_cast<std::size_t>(kKept * static_cast<double>(rows.size()));
  if (rows.empty() || count <= rows.front().size()) return std::nullopt;
  ISOFLOP_CHECK(rows.front().size() == 5);
  Matrix kept(rows.begin(), rows.end());
  for (int step = 0; step < kSteps; ++step) {
    const std::optional<Matrix> factor = cholesky(sample_covariance(kept));
    if (!factor) return std::nullopt;
    kept = nearest(rows, *factor, mean_of(kept), count);
  }
  Matrix covariance = sample_covariance(kept);
  if (!cholesky(covariance)) return std::nullopt;
  for (auto& row : covariance) {
    for (double& value : row) value /= kTrimmedVariance;
  }
  return covariance;
}

}  // namespace isoflop::fit
