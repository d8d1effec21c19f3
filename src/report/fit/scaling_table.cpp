// SPDX-License-Identifier: MIT
#include "core/base/csv.hpp"
#include "core/base/error.hpp"
#include "report/fit/scaling_data.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace isoflop::fit {
namespace {

/// C of a table may count more than 6 N D (attention, another N); beyond this factor some unit is
/// wrong.
constexpr double kLargestComputeRatio = 3;

bool has_column(const CsvTable& table, const std::string& name) {
  return std::find(table.columns().begin(), table.columns().end(), name) != table.columns().end();
}

void check_columns(const CsvTable& table, const std::string& name) {
  const bool complete =
      has_column(table, "loss") &&
      has_column(table, "N") + has_column(table, "D") + has_column(table, "C") >= 2;
  if (complete) return;
  throw ConfigError(fmt::format(
      "{}: columns are '{}' (loss and two of N, D and C are needed: parameters, tokens, "
      "FLOPs and nats per token); rename them",
      name, fmt::join(table.columns(), ", ")));
}

std::optional<double> find_positive(const CsvTable& table, std::size_t row,
                                    const std::string& column) {
  const std::optional<std::string> text = table.find(row, column);
  if (!text) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size() || !std::isfinite(value) ||
      value <= 0)
    throw ConfigError(fmt::format("{}: {} is '{}' (must be a number above zero)", table.where(row),
                                  column, *text));
  return value;
}

ScalingPoint read_point(const CsvTable& table, std::size_t row, double loss) {
  const std::optional<double> n_params = find_positive(table, row, "N");
  const std::optional<double> n_tokens = find_positive(table, row, "D");
  const std::optional<double> compute = find_positive(table, row, "C");
  if ((n_params ? 1 : 0) + (n_tokens ? 1 : 0) + (compute ? 1 : 0) < 2)
    throw ConfigError(
        fmt::format("{}: two of N, D and C are needed; fill them in", table.where(row)));
  ScalingPoint point;
  point.run = table.find(row, "run").value_or(table.where(row));
  point.loss = loss;
  point.n_params = n_params ? *n_params : *compute / (6 * *n_tokens);
  point.n_tokens = n_tokens ? *n_tokens : *compute / (6 * *n_params);
  point.compute_flops = compute ? *compute : 6 * *n_params * *n_tokens;
  point.unique_tokens = find_positive(table, row, "U");
  if (point.unique_tokens && *point.unique_tokens > point.n_tokens)
    throw ConfigError(
        fmt::format("{}: U is {:g} (more than D, {:g}); U counts tokens that were read",
                    table.where(row), *point.unique_tokens, point.n_tokens));
  const double ratio = point.compute_flops / (6 * point.n_params * point.n_tokens);
  if (ratio > kLargestComputeRatio || ratio < 1 / kLargestComputeRatio)
    throw ConfigError(fmt::format(
        "{}: C is {:g} times 6 N D (N in parameters, D in tokens, C in FLOPs); check the units",
        table.where(row), ratio));
  return point;
}

}  // namespace

ScalingData read_scaling_table(const std::filesystem::path& path) {
  const CsvTable table = CsvTable::load(path);
  check_columns(table, path.string());
  ScalingData data;
  for (std::size_t row = 0; row < table.n_row(); ++row) {
    if (const std::optional<double> loss = find_positive(table, row, "loss"))
      data.points.push_back(read_point(table, row, *loss));
    else
      data.left_out.push_back(table.where(row) + ": has no loss");
  }
  data.curve_points = data.points;
  data.notes.push_back(fmt::format("{}: {} rows with a loss, taken as nats per token",
                                   path.string(), data.points.size()));
  return data;
}

}  // namespace isoflop::fit
