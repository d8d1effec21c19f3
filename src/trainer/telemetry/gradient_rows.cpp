// SPDX-License-Identifier: MIT
#include "trainer/telemetry/gradient_rows.hpp"

#include "trainer/clock.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

namespace isoflop {
namespace {

/// Column `column` of (n, n_column) values.
template <typename Join>
double join_column(std::span<const double> values, std::size_t n_column, std::size_t column,
                   double first, const Join& join) {
  for (std::size_t i = column; i < values.size(); i += n_column) first = join(first, values[i]);
  return first;
}

double sum(std::span<const double> values, std::size_t n_column, std::size_t column) {
  return join_column(values, n_column, column, 0.0, std::plus<>());
}

/// Of the (n, 2) extremes; -infinity when no element was finite.
double largest(std::span<const double> extremes, std::size_t column) {
  return join_column(extremes, 2, column, -std::numeric_limits<double>::infinity(),
                     [](double a, double b) { return std::max(a, b); });
}

std::optional<float> measured(double value) {
  return std::isfinite(value) ? std::optional(static_cast<float>(value)) : std::nullopt;
}

}  // namespace

GradientRows::GradientRows(std::vector<int64_t> unit_of_tensor, int64_t n_parameter,
                           int64_t n_replica)
    : unit_of_tensor_(std::move(unit_of_tensor)),
      n_parameter_(static_cast<double>(n_parameter)),
      n_replica_(static_cast<double>(n_replica)) {}

GradientRecord GradientRows::of_all(int64_t step, const StepReadback& readback) const {
  const double scale = readback.output.loss_scale;
  const double nonfinite = sum(readback.sums, 3, 2);
  const double squares = sum(readback.sums, 3, 1) / (scale * scale);
  const double n = n_parameter_ - nonfinite;
  const double mean = sum(readback.sums, 3, 0) / scale / n;
  GradientRecord row;
  row.step = step;
  row.time = system_time();
  row.norm = measured(std::sqrt(squares));
  row.mean = measured(mean);
  const double variance = squares / n - mean * mean;
  row.std = measured(std::sqrt(variance < 0 ? 0 : variance));
  row.min = measured(-largest(readback.extremes, 0) / scale);
  row.max = measured(largest(readback.extremes, 1) / scale);
  row.nonfinite = static_cast<int64_t>(nonfinite);
  if (readback.output.skip == 0)
    row.param_norm = measured(std::sqrt(sum(readback.norms, 2, 0) / n_replica_));
  row.update_norm = measured(std::sqrt(sum(readback.norms, 2, 1) / n_replica_));
  return row;
}

LayerNormRecord GradientRows::of_units(int64_t step, const StepReadback& readback) const {
  const double scale = readback.output.loss_scale;
  LayerNormRecord row{.step = step,
                      .gradient = norms_of_units(readback.sums, 3, 1, scale * scale),
                      .parameter = norms_of_units(readback.norms, 2, 0, n_replica_),
                      .update = norms_of_units(readback.norms, 2, 1, n_replica_)};
  if (readback.output.skip != 0)
    std::fill(row.parameter.begin(), row.parameter.end(), std::numeric_limits<float>::quiet_NaN());
  return row;
}

std::vector<float> GradientRows::norms_of_units(std::span<const double> squares,
                                                std::size_t n_column, std::size_t column,
                                                double divisor) const {
  std::vector<double> sums(static_cast<std::size_t>(unit_of_tensor_.back() + 1));
  for (std::size_t tensor = 0; tensor < unit_of_tensor_.size(); ++tensor)
    sums[static_cast<std::size_t>(unit_of_tensor_[tensor])] += squares[tensor * n_column + column];
  std::vector<float> norms;
  for (const double of_unit : sums)
    norms.push_back(static_cast<float>(std::sqrt(of_unit / divisor)));
  return norms;
}

}  // namespace isoflop
