// SPDX-License-Identifier: MIT
#include "report/compare.hpp"

#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "core/run/settled_steps.hpp"
#include "report/fit/series_statistics.hpp"
#include "report/loss_curve.hpp"
#include "report/run_keys.hpp"
#include "report/run_summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

namespace isoflop {
namespace {

/// Means of so many consecutive parts tell how far a mean over correlated steps can be off.
constexpr std::size_t kParts = 5;

using Group = std::vector<const TrainingRun*>;

struct Moments {
  double mean = 0;
  double variance_of_mean = 0;
  double degrees_of_freedom = 0;
};

std::optional<Moments> over_runs(const GroupFigure& figure) {
  const auto statistics = fit::series_statistics(figure.values);
  if (!statistics || !statistics->std) return std::nullopt;
  const auto count = static_cast<double>(statistics->count);
  return Moments{statistics->mean, *statistics->std * *statistics->std / count, count - 1};
}

std::optional<Moments> over_steps(const GroupFigure& figure) {
  const std::size_t count = figure.values.size();
  if (count == 0 || figure.step_variances.size() != count) return std::nullopt;
  Moments moments;
  for (std::size_t i = 0; i < count; ++i) {
    moments.mean += figure.values[i] / static_cast<double>(count);
    moments.variance_of_mean += figure.step_variances[i] / static_cast<double>(count * count);
  }
  moments.degrees_of_freedom = static_cast<double>(count * (kParts - 1));
  return moments;
}

/// Welch and Satterthwaite's degrees of freedom.
double half_width(const Moments& a, const Moments& b) {
  const double variance = a.variance_of_mean + b.variance_of_mean;
  if (variance == 0) return 0;
  const auto share = [](const Moments& moments) {
    return moments.variance_of_mean * moments.variance_of_mean / moments.degrees_of_freedom;
  };
  return student_t95(variance * variance / (share(a) + share(b))) * std::sqrt(variance);
}

/// The variance of a mean over settled steps, by the means of its parts.
std::optional<double> variance_of_mean(const std::vector<double>& steps) {
  if (steps.size() < 2 * kParts) return std::nullopt;
  std::vector<double> means;
  for (std::size_t part = 0; part < kParts; ++part) {
    const std::span values(steps);
    const std::size_t begin = part * steps.size() / kParts;
    const std::size_t end = (part + 1) * steps.size() / kParts;
    means.push_back(fit::series_statistics(values.subspan(begin, end - begin))->mean);
  }
  const double std = *fit::series_statistics(means)->std;
  return std * std / static_cast<double>(kParts);
}

using Column = std::optional<float> StepRecord::*;

/// Means over settled steps, which steps give an interval.
GroupFigure step_means(const Group& group, Column column, double scale) {
  GroupFigure figure;
  for (const TrainingRun* run : group) {
    const std::vector<double> steps = settled_values(*run, column);
    if (steps.empty()) continue;
    figure.values.push_back(fit::series_statistics(steps)->mean * scale);
    if (const auto variance = variance_of_mean(steps))
      figure.step_variances.push_back(*variance * scale * scale);
  }
  return figure;
}

template <typename Figure>
GroupFigure run_figures(const Group& group, Figure figure_of) {
  GroupFigure figure;
  for (const TrainingRun* run : group) {
    if (const std::optional<double> value = figure_of(*run)) figure.values.push_back(*value);
  }
  return figure;
}

struct Quantity {
  std::string name;
  std::string unit;
  GroupFigure base;
  GroupFigure other;
};

/// What a run had spent of a budget at each of its losses: tokens, FLOPs or seconds.
struct Budget {
  const char* name;
  LossBudget kind;
};
constexpr std::array kBudgets{Budget{"tokens", LossBudget::tokens},
                              Budget{"FLOPs", LossBudget::flops},
                              Budget{"wall time", LossBudget::wall}};

std::string spent_text(LossBudget budget, double spent) {
  if (budget == LossBudget::tokens) return format_count(spent);
  return budget == LossBudget::flops ? format_scientific(spent) : format_duration(spent);
}

/// The largest budget that all of these runs reached, where any has losses.
std::optional<double> common_budget(const Group& runs, LossKind kind, LossBudget budget) {
  std::optional<double> least;
  for (const TrainingRun* run : runs) {
    const LossCurve curve = recorded_losses(*run, kind, budget);
    if (curve.spent.empty()) continue;
    least = std::min(least.value_or(curve.spent.back()), curve.spent.back());
  }
  return least;
}

GroupFigure losses_at_budget(const Group& group, LossKind kind, LossBudget budget, double spent) {
  return run_figures(group, [&](const TrainingRun& run) {
    return losses_at(recorded_losses(run, kind, budget), kind, std::span(&spent, 1)).front();
  });
}

std::vector<Quantity> loss_quantities(std::span<const TrainingRun> runs, const Group& base,
                                      const Group& other) {
  const LossKind kind = comparable_kind(runs);
  const char* const name = kind == LossKind::validation ? "validation loss" : "train loss";
  Group all = base;
  all.insert(all.end(), other.begin(), other.end());
  std::vector<Quantity> quantities;
  for (const Budget& budget : kBudgets) {
    const auto spent = common_budget(all, kind, budget.kind);
    if (!spent) continue;
    quantities.push_back(
        {fmt::format("{} at {} {}", name, spent_text(budget.kind, *spent), budget.name),
         "nats/token", losses_at_budget(base, kind, budget.kind, *spent),
         losses_at_budget(other, kind, budget.kind, *spent)});
  }
  return quantities;
}

std::vector<Quantity> speed_quantities(const Group& base, const Group& other) {
  const auto steps = [&](const char* name, const char* unit, Column column, double scale) {
    return Quantity{name, unit, step_means(base, column, scale), step_means(other, column, scale)};
  };
  const auto peak = [](const TrainingRun& run) { return summarize(run).mem_peak_gib; };
  return {steps("step time", "s", &StepRecord::step_s, 1),
          steps("throughput", "tokens/s", &StepRecord::tokens_per_s, 1),
          steps("MFU", "%", &StepRecord::mfu, 100),
          {"memory peak", "GiB", run_figures(base, peak), run_figures(other, peak)}};
}

/// Names, places and times of a run do not make it another experiment.
bool is_configuration(const std::string& key, const RunKeys& configuration) {
  static const std::set<std::string> names{"run.name", "run.out"};
  return (configuration.contains(key) && !names.contains(key)) || key.starts_with("hardware.") ||
         key == "config.n_params";
}

std::map<std::string, std::set<std::string>> values_by_key(const Group& group) {
  std::map<std::string, std::set<std::string>> values;
  for (const TrainingRun* run : group) {
    const RunKeys configuration = configuration_keys(*run);
    for (const auto& [key, value] : header_keys(*run)) {
      if (is_configuration(key, configuration)) values[key].insert(cell_text(value));
    }
  }
  return values;
}

Table configuration_table(const Group& base, const Group& other, const std::string& base_name,
                          const std::string& other_name) {
  Table table{"differing_keys", "What differs"};
  table.notes = {
      "keys of the configuration and hardware whose values are not the same in both "
      "groups, run.name and run.out left out"};
  table.columns = {{"key", "key"}, {"base", base_name}, {"other", other_name}};
  auto left = values_by_key(base);
  auto right = values_by_key(other);
  std::set<std::string> keys;
  for (const auto& [key, values] : left) keys.insert(key);
  for (const auto& [key, values] : right) keys.insert(key);
  for (const std::string& key : keys) {
    if (left[key] != right[key])
      table.rows.push_back({key, fmt::format("{}", fmt::join(left[key], ", ")),
                            fmt::format("{}", fmt::join(right[key], ", "))});
  }
  return table;
}

std::vector<Cell> row_of(const Quantity& quantity, const GroupDifference& difference) {
  const double change = difference.other - difference.base;
  const auto bound = [&](double sign) {
    return difference.half_width ? std::optional(change + sign * *difference.half_width)
                                 : std::nullopt;
  };
  const std::optional<double> percent =
      difference.base != 0 ? std::optional(change / difference.base * 100) : std::nullopt;
  return {quantity.name,      quantity.unit,     difference.base,  difference.other,        change,
          to_cell(bound(-1)), to_cell(bound(1)), to_cell(percent), difference.interval_over};
}

std::string group_note(const std::string& name, const Group& group) {
  std::vector<std::string> members;
  for (const TrainingRun* run : group) members.push_back(marked_name(*run));
  return fmt::format("{}: {} run{} ({})", name, group.size(), group.size() == 1 ? "" : "s",
                     fmt::join(members, ", "));
}

Table difference_table(std::span<const TrainingRun> runs, const Group& base, const Group& other,
                       const std::string& base_name, const std::string& other_name) {
  Table table{"compare", other_name + " against " + base_name};
  table.notes = {
      group_note(base_name, base), group_note(other_name, other),
      "means over runs; of speeds over steps without warm-up; difference: second less first, with "
      "its 95 % interval",
      "interval over runs: Welch's t; over steps, where a group has one run: by the means of "
      "fifths "
      "of its steps, which says nothing about other seeds",
      "losses at the largest budget that all runs reached: validation losses interpolated "
      "linearly, "
      "training losses the mean of the last 2 % of the budget, at least 10 steps; wall time: all "
      "starts, lost work included"};
  table.columns = {{"quantity", "quantity"},
                   {"unit", "unit"},
                   {"base", base_name, "", CellStyle::fixed, 4},
                   {"other", other_name, "", CellStyle::fixed, 4},
                   {"difference", "difference", "", CellStyle::fixed, 4},
                   {"low", "from", "", CellStyle::fixed, 4},
                   {"high", "to", "", CellStyle::fixed, 4},
                   {"difference_percent", "difference", "%", CellStyle::fixed, 1},
                   {"interval_over", "interval over"}};
  std::vector<Quantity> quantities = speed_quantities(base, other);
  for (Quantity& quantity : loss_quantities(runs, base, other))
    quantities.push_back(std::move(quantity));
  for (const Quantity& quantity : quantities) {
    if (const auto difference = compare_groups(quantity.base, quantity.other))
      table.rows.push_back(row_of(quantity, *difference));
  }
  if (table.rows.empty())
    table.notes.push_back("nothing to compare: no figure that runs of both groups have");
  return table;
}

/// The two values, base first.
std::vector<std::string> group_names(const std::vector<Cell>& values,
                                     const CompareOptions& options) {
  std::vector<std::string> there;
  for (const Cell& value : values) {
    if (std::find(there.begin(), there.end(), cell_text(value)) == there.end())
      there.push_back(cell_text(value));
  }
  for (const std::string& name : options.values) {
    if (std::find(there.begin(), there.end(), name) == there.end())
      throw ConfigError(fmt::format("--values: no run has {} '{}' (there are {})", options.by, name,
                                    fmt::join(there, ", ")));
  }
  if (!options.values.empty()) return options.values;
  if (there.size() != 2)
    throw ConfigError(
        fmt::format("--by {} gives {} groups ({}); name two of several by --values "
                    "A,B",
                    options.by, there.size(), fmt::join(there, ", ")));
  return there;
}

Group members(std::span<const TrainingRun> runs, const std::vector<Cell>& values,
              const std::string& name) {
  Group group;
  for (std::size_t r = 0; r < runs.size(); ++r) {
    if (cell_text(values[r]) == name) group.push_back(&runs[r]);
  }
  return group;
}

}  // namespace

double student_t95(double degrees_of_freedom) {
  // 97.5 % quantiles, NIST/SEMATECH e-Handbook of Statistical Methods, table 1.3.6.7.2.
  constexpr std::array kQuantiles{12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306,
                                  2.262,  2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
                                  2.110,  2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064,
                                  2.060,  2.056, 2.052, 2.048, 2.045, 2.042};
  constexpr double kOfForty = 2.021;
  constexpr double kOfHundred = 1.984;
  // Welch's are at least those of the smaller group but for rounding.
  const auto whole = static_cast<std::size_t>(std::max(1.0, std::floor(degrees_of_freedom + 1e-9)));
  if (whole <= kQuantiles.size()) return kQuantiles[whole - 1];
  if (whole < 40) return kQuantiles.back();
  return whole < 100 ? kOfForty : kOfHundred;
}

std::optional<GroupDifference> compare_groups(const GroupFigure& base, const GroupFigure& other) {
  const auto left = fit::series_statistics(base.values);
  const auto right = fit::series_statistics(other.values);
  if (!left || !right) return std::nullopt;
  GroupDifference difference{left->mean, right->mean, std::nullopt, ""};
  const auto set_interval = [&](const std::optional<Moments>& a, const std::optional<Moments>& b,
                                const char* over) {
    if (!a || !b || difference.half_width) return;
    difference.half_width = half_width(*a, *b);
    difference.interval_over = over;
  };
  set_interval(over_runs(base), over_runs(other), "runs");
  set_interval(over_steps(base), over_steps(other), "steps");
  return difference;
}

std::vector<Table> compare_tables(std::span<const TrainingRun> runs,
                                  const CompareOptions& options) {
  const std::vector<Cell> values = values_of_key(runs, "--by", options.by);
  const std::vector<std::string> names = group_names(values, options);
  const Group base = members(runs, values, names[0]);
  const Group other = members(runs, values, names[1]);
  return {difference_table(runs, base, other, names[0], names[1]),
          configuration_table(base, other, names[0], names[1])};
}

}  // namespace isoflop
