// SPDX-License-Identifier: MIT
#include "report/run_selection.hpp"

#include "core/base/error.hpp"
#include "report/run_keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <set>

namespace isoflop {
namespace {

std::optional<double> number_of(const Cell& cell) {
  if (const auto* integer = std::get_if<int64_t>(&cell)) return static_cast<double>(*integer);
  if (const auto* number = std::get_if<double>(&cell)) return *number;
  return std::nullopt;
}

bool matches(const Cell& cell, const std::string& wanted) {
  if (cell_text(cell) == wanted) return true;
  double number = 0;
  const auto [end, error] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), number);
  return error == std::errc() && end == wanted.data() + wanted.size() && number_of(cell) == number;
}

[[noreturn]] void nothing_matches(const std::string& filter, const std::vector<Cell>& values) {
  std::set<std::string> there;
  for (const Cell& value : values) there.insert(cell_text(value));
  throw ConfigError(fmt::format("--filter {}: no run has that value (there are {})", filter,
                                fmt::join(there, ", ")));
}

void filter_runs(std::vector<TrainingRun>& runs, const std::string& filter) {
  const std::size_t sign = filter.find('=');
  if (sign == std::string::npos || sign == 0)
    throw ConfigError(fmt::format("--filter is '{}' (must be KEY=VALUE)", filter));
  const std::vector<Cell> values = values_of_key(runs, "--filter", filter.substr(0, sign));
  std::vector<TrainingRun> kept;
  for (std::size_t r = 0; r < runs.size(); ++r) {
    if (matches(values[r], filter.substr(sign + 1))) kept.push_back(std::move(runs[r]));
  }
  if (kept.empty() && !runs.empty()) nothing_matches(filter, values);
  runs = std::move(kept);
}

/// Numbers before texts.
bool comes_before(const Cell& left, const Cell& right) {
  const auto a = number_of(left);
  const auto b = number_of(right);
  if (a && b) return *a < *b;
  if (a || b) return a.has_value();
  return cell_text(left) < cell_text(right);
}

bool is_unknown(const Cell& cell) { return std::holds_alternative<std::monostate>(cell); }

enum class Order { ascending, descending };

void order_runs(std::vector<TrainingRun>& runs, const std::vector<Cell>& values, Order order) {
  std::vector<std::size_t> places(runs.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  std::stable_sort(places.begin(), places.end(), [&](std::size_t a, std::size_t b) {
    if (is_unknown(values[a]) || is_unknown(values[b]))
      return !is_unknown(values[a]) && is_unknown(values[b]);
    return order == Order::ascending ? comes_before(values[a], values[b])
                                     : comes_before(values[b], values[a]);
  });
  std::vector<TrainingRun> ordered;
  for (const std::size_t place : places) ordered.push_back(std::move(runs[place]));
  runs = std::move(ordered);
}

void sort_runs(std::vector<TrainingRun>& runs, std::string key) {
  constexpr std::string_view kDescending = ":desc";
  const bool descends = key.ends_with(kDescending);
  if (descends) key.resize(key.size() - kDescending.size());
  const std::vector<Cell> values = values_of_key(runs, "--sort", key);
  order_runs(runs, values, descends ? Order::descending : Order::ascending);
}

}  // namespace

void select_runs(std::vector<TrainingRun>& runs, const RunSelection& selection) {
  for (const std::string& filter : selection.filters) filter_runs(runs, filter);
  if (!selection.sort.empty()) sort_runs(runs, selection.sort);
  if (!selection.group.empty())
    order_runs(runs, values_of_key(runs, "--group", selection.group), Order::ascending);
}

}  // namespace isoflop
