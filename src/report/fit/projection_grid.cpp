// SPDX-License-Identifier: MIT
#include "report/fit/projection_grid.hpp"

#include "report/fit/parallel_cores.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace isoflop::fit {
namespace {

/// Exponents of published fits lie between 0.05 and 1.2; the grid goes well beyond.
constexpr double kLeastExponent = 0.02;
constexpr double kLargestExponent = 2.5;

struct Cell {
  double coefficient[3] = {};  ///< A, B, E at the centre of the samples
  double objective = 0;
};

/// Sums of products of (N^-alpha / L, D^-beta / L, 1 / L) and with 1.
struct Normal {
  double gram[3][3] = {};
  double right[3] = {};
};

KOKKOS_INLINE_FUNCTION void add(Normal& sums, const double* row, double weight) {
  for (int i = 0; i < 3; ++i) {
    sums.right[i] += weight * row[i];
    for (int j = 0; j <= i; ++j) sums.gram[i][j] += weight * row[i] * row[j];
  }
}

/// Least squares over the variables in `mask`; false when singular or one is negative.
KOKKOS_INLINE_FUNCTION bool solve_subset(const Normal& sums, int mask, double* solution) {
  double factor[3][3] = {};
  double y[3] = {};
  for (int i = 0; i < 3; ++i) {
    solution[i] = 0;
    if (!(mask & (1 << i))) continue;
    for (int j = 0; j <= i; ++j) {
      if (!(mask & (1 << j))) continue;
      double rest = sums.gram[i][j];
      for (int k = 0; k < j; ++k) rest -= factor[i][k] * factor[j][k];
      if (i == j && !(rest > 1e-13 * sums.gram[i][i])) return false;
      factor[i][j] = i == j ? std::sqrt(rest) : rest / factor[j][j];
    }
    y[i] = sums.right[i];
    for (int k = 0; k < i; ++k) y[i] -= factor[i][k] * y[k];
    y[i] /= factor[i][i];
  }
  for (int i = 3; i-- > 0;) {
    if (!(mask & (1 << i))) continue;
    double rest = y[i];
    for (int k = i + 1; k < 3; ++k) rest -= factor[k][i] * solution[k];
    solution[i] = rest / factor[i][i];
    if (solution[i] < 0) return false;
  }
  return true;
}

/// Non-negative least squares of three variables: the best of the subsets that keep the signs.
KOKKOS_INLINE_FUNCTION void solve_non_negative(const Normal& sums, double* best) {
  double best_gain = -1;
  for (int mask = 1; mask < 8; ++mask) {
    double solution[3];
    if (!solve_subset(sums, mask, solution)) continue;
    double gain = 0;  // how far the sum of squares falls: solution . right at a subset's optimum
    for (int i = 0; i < 3; ++i) gain += solution[i] * sums.right[i];
    if (gain <= best_gain) continue;
    best_gain = gain;
    for (int i = 0; i < 3; ++i) best[i] = solution[i];
  }
}

double exponent_of(int index, int n) {
  return kLeastExponent * std::pow(kLargestExponent / kLeastExponent, double(index) / (n - 1));
}

using Columns = Kokkos::View<double**, Kokkos::LayoutRight, Space>;

/// N^-exponent / L for each exponent of the grid, D^-exponent / L likewise, and 1 / L: (column,
/// sample).
Columns grid_columns(const SampleView& samples, int n) {
  std::vector<double> exponents;
  for (int i = 0; i < n; ++i) exponents.push_back(exponent_of(i, n));
  const auto grid = to_device<double>("report::fit::exponents", exponents);
  const Columns columns(
      Kokkos::view_alloc("report::fit::projection_columns", Kokkos::WithoutInitializing), 2 * n + 1,
      samples.extent(0));
  for_each_on_all_cores(
      "report::fit::projection_columns", columns.extent(0), KOKKOS_LAMBDA(const std::size_t c) {
        const std::size_t width = grid.extent(0);
        const bool of_tokens = c >= width;
        const double exponent = c == 2 * width ? 0 : grid(of_tokens ? c - width : c);
        for (std::size_t i = 0; i < samples.extent(0); ++i) {
          const double size = of_tokens ? samples(i).log_tokens : samples(i).log_params;
          columns(c, i) = std::exp(-exponent * size - samples(i).log_loss);
        }
      });
  return columns;
}

std::vector<Cell> solve_cells(const SampleView& samples, const WeightView& weights,
                              std::size_t problem, double delta, int n) {
  const Columns columns = grid_columns(samples, n);
  const Kokkos::View<Cell*, Space> cells("report::fit::projection_cells", n * n);
  const auto width = static_cast<std::size_t>(n);
  for_each_on_all_cores(
      "report::fit::projection_cells", cells.extent(0), KOKKOS_LAMBDA(const std::size_t cell) {
        const double* const of_params = &columns(cell / width, 0);
        const double* const of_tokens = &columns(width + cell % width, 0);
        const double* const of_one = &columns(2 * width, 0);
        double* const solution = cells(cell).coefficient;
        for (const bool reweighted : {false, true}) {
          Normal sums;
          for (std::size_t i = 0; i < samples.extent(0); ++i) {
            const double row[] = {of_params[i], of_tokens[i], of_one[i]};
            double weight = weights(problem, i);
            if (reweighted) {
              const double r =
                  1 - row[0] * solution[0] - row[1] * solution[1] - row[2] * solution[2];
              const double size = r < 0 ? -r : r;
              if (size > delta) weight *= delta / size;
            }
            add(sums, row, weight);
          }
          solve_non_negative(sums, solution);
        }
        double total = 0;
        for (std::size_t i = 0; i < samples.extent(0); ++i) {
          const double r =
              1 - of_params[i] * solution[0] - of_tokens[i] * solution[1] - of_one[i] * solution[2];
          const double size = r < 0 ? -r : r;
          total += weights(problem, i) * (size <= delta ? r * r / 2 : delta * (size - delta / 2));
        }
        cells(cell).objective = total;
      });
  const auto host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), cells);
  return {host.data(), host.data() + host.extent(0)};
}

bool is_below_neighbours(const std::vector<Cell>& cells, int n, int row, int column) {
  const double own = cells[static_cast<std::size_t>(row * n + column)].objective;
  for (int i = std::max(0, row - 1); i <= std::min(n - 1, row + 1); ++i) {
    for (int j = std::max(0, column - 1); j <= std::min(n - 1, column + 1); ++j) {
      if (cells[static_cast<std::size_t>(i * n + j)].objective < own) return false;
    }
  }
  return true;
}

double log_or_least(double coefficient) {
  constexpr double kLeast = 1e-5;
  return std::log(std::max(coefficient, kLeast));
}

}  // namespace

std::vector<ChinchillaStart> projected_starts(const SampleView& samples, const WeightView& weights,
                                              std::size_t problem, double delta, int n) {
  const std::vector<Cell> cells = solve_cells(samples, weights, problem, delta, n);
  std::vector<std::pair<double, ChinchillaStart>> found;
  for (int row = 0; row < n; ++row) {
    for (int column = 0; column < n; ++column) {
      if (!is_below_neighbours(cells, n, row, column)) continue;
      const Cell& cell = cells[static_cast<std::size_t>(row * n + column)];
      found.push_back(
          {cell.objective,
           {log_or_least(cell.coefficient[0]), log_or_least(cell.coefficient[1]),
            log_or_least(cell.coefficient[2]), exponent_of(row, n), exponent_of(column, n)}});
    }
  }
  std::sort(found.begin(), found.end());
  std::vector<ChinchillaStart> starts;
  for (const auto& [objective, start] : found) starts.push_back(start);
  return starts;
}

}  // namespace isoflop::fit
