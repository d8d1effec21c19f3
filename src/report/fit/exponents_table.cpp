// SPDX-License-Identifier: MIT
#include "report/fit/exponents_table.hpp"

#include "report/fit/resampling.hpp"

#include <fmt/format.h>

namespace isoflop::fit {
namespace {

struct Exponent {
  double value = 0;
  std::vector<double> resampled;
};

void add_row(const char* approach, const char* name, const Exponent& a, Table& table) {
  std::vector<Cell> row = {std::string(approach),
                           std::string(name),
                           a.value,
                           Cell(),
                           Cell(),
                           1 - a.value,
                           Cell(),
                           Cell()};
  if (!a.resampled.empty()) {
    const Range interval = interval_95(a.resampled);
    row[3] = interval.low;
    row[4] = interval.high;
    row[6] = 1 - interval.high;
    row[7] = 1 - interval.low;
  }
  table.rows.push_back(row);
}

void add(const char* approach, const char* name, const std::optional<FrontierResult>& result,
         Table& table) {
  if (!result) return;
  if (const auto* const reason = std::get_if<std::string>(&*result)) {
    table.notes.push_back(fmt::format("no approach {}: {}", approach, *reason));
    return;
  }
  const auto& fit = std::get<FrontierFit>(*result);
  add_row(approach, name, {fit.exponent, fit.resampled_exponents}, table);
  if (fit.n_failed_resamples > 0)
    table.notes.push_back(fmt::format("approach {}: {} resamples have no exponent", approach,
                                      fit.n_failed_resamples));
  for (const std::string& note : fit.notes)
    table.notes.push_back(fmt::format("approach {}: {}", approach, note));
}

void add(const SurfaceFit& fit, Table& table) {
  Exponent a = {params_exponent(fit.form, fit.theta), {}};
  for (const auto& theta : fit.resamples) a.resampled.push_back(params_exponent(fit.form, theta));
  add_row("3", "parametric law", a, table);
}

}  // namespace

Table exponents_table(const ExponentResults& results) {
  Table table{"exponents", "Exponents of the best N ~ C^a and D ~ C^b"};
  table.notes = {
      "approaches of Hoffmann et al. 2022, arXiv:2203.15556; intervals: 95 %, resamples of whole "
      "runs; b = 1 - a by C = 6 N D"};
  table.columns = {{"approach", "approach"},
                   {"method", "method"},
                   {"a", "a", "", CellStyle::fixed, 4},
                   {"a_low_95", "from", "", CellStyle::fixed, 4},
                   {"a_high_95", "to", "", CellStyle::fixed, 4},
                   {"b", "b", "", CellStyle::fixed, 4},
                   {"b_low_95", "from", "", CellStyle::fixed, 4},
                   {"b_high_95", "to", "", CellStyle::fixed, 4}};
  add("1", "lowest training curves", results.envelope, table);
  add("2", "IsoFLOP parabolas", results.isoflop, table);
  if (results.parametric) add(*results.parametric, table);
  return table;
}

Table frontier_table(const FrontierFit& fit, const std::string& key, const std::string& title) {
  Table table{key, title};
  table.columns = {{"compute_flops", "C", "FLOPs", CellStyle::scientific},
                   {"points", "points", "", CellStyle::integer},
                   {"n_params", "N", "", CellStyle::count},
                   {"n_params_low_95", "N from", "", CellStyle::count},
                   {"n_params_high_95", "to", "", CellStyle::count},
                   {"n_tokens", "D", "", CellStyle::count},
                   {"tokens_per_param", "D/N", "", CellStyle::fixed, 1},
                   {"loss", "loss", "nats/token", CellStyle::fixed, 4}};
  for (const FrontierPoint& point : fit.points) {
    const double n_tokens = point.compute_flops / (6 * point.n_params);
    table.rows.push_back({point.compute_flops, static_cast<int64_t>(point.n_point), point.n_params,
                          point.n_params_95 ? Cell(point.n_params_95->low) : Cell(),
                          point.n_params_95 ? Cell(point.n_params_95->high) : Cell(), n_tokens,
                          n_tokens / point.n_params, point.loss});
  }
  return table;
}

}  // namespace isoflop::fit
