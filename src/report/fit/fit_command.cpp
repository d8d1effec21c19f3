// SPDX-License-Identifier: MIT
#include "report/fit/fit_command.hpp"

#include "core/base/log.hpp"
#include "core/base/text_file.hpp"
#include "core/scaling/law_writer.hpp"
#include "report/fit/diagnostics.hpp"
#include "report/fit/exponents_table.hpp"
#include "report/fit/fit_plot.hpp"
#include "report/fit/fit_tables.hpp"
#include "report/fit/fitted_law.hpp"
#include "report/fit/reliability.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

namespace isoflop::fit {
namespace {

void append(ScalingData more, ScalingData& data) {
  const auto move_to = [](auto& from, auto& to) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  };
  move_to(more.points, data.points);
  move_to(more.curve_points, data.curve_points);
  move_to(more.notes, data.notes);
  move_to(more.left_out, data.left_out);
  if (more.tokenizer) data.tokenizer = more.tokenizer;
}

ScalingData gather(const RunSet& set, const ReportOptions& options) {
  ScalingData data;
  for (const std::filesystem::path& file : options.files) {
    if (is_scaling_table(file)) append(read_scaling_table(file), data);
  }
  if (!set.runs.empty()) append(scaling_data_of(set.runs, options.fit.with_partial), data);
  if (data.points.empty())
    throw FileError(fmt::format(
        "report fit: no run with a loss to fit ({} left out: {}); see report fit --help",
        data.left_out.size() + set.skipped.size(),
        data.left_out.empty() ? "unreadable" : data.left_out.front()));
  sort_points(data.points);
  return data;
}

void check_tokenizer(const ScalingData& data, const ReportOptions& options) {
  const FitOptions& fit = options.fit;
  if (data.tokenizer && !fit.tokenizer.empty() && fit.tokenizer != data.tokenizer->name)
    throw ConfigError(fmt::format("--tokenizer is '{}' (the run files are of '{}'); fit them apart",
                                  fit.tokenizer, data.tokenizer->name));
  if (data.tokenizer || options.out.empty()) return;
  if (fit.tokenizer.empty() || fit.vocab_size < 2)
    throw ConfigError(
        "--out needs --tokenizer and --vocab-size (a table does not say whose losses per token "
        "these are, and the planner must know)");
}

void check_counted_params(const RunSet& set, const ReportOptions& options) {
  if (set.runs.empty() || options.fit.counted_params == CountedParams::total) return;
  throw ConfigError(
      "--params is non_embedding (the N of run files counts all parameters); use it with tables "
      "alone");
}

bool is_asked(const ReportOptions& options, Approach approach) {
  return options.fit.approach.value_or(approach) == approach;
}

void check_form(const ScalingData& data, const ReportOptions& options) {
  if (options.fit.settings.form != Form::data_constrained) return;
  const bool repeats =
      std::any_of(data.points.begin(), data.points.end(), [](const ScalingPoint& point) {
        return point.unique_tokens.value_or(point.n_tokens) < point.n_tokens;
      });
  if (!repeats)
    throw ConfigError(
        "--form is data_constrained (no row has U below D: nothing was read twice); add the column "
        "U, unique tokens, or use --form chinchilla");
}

void check_out(const ReportOptions& options) {
  if (options.out.empty() || is_asked(options, Approach::parametric)) return;
  throw ConfigError("--out is given with --approach 1 or 2 (they predict no loss); use approach 3");
}

ExponentResults fit_approaches(const ScalingData& data, const ReportOptions& options) {
  const FitSettings& settings = options.fit.settings;
  ExponentResults results;
  if (is_asked(options, Approach::envelope))
    results.envelope = envelope_frontier(data.curve_points, settings.n_bootstrap, settings.seed);
  if (is_asked(options, Approach::isoflop))
    results.isoflop = isoflop_frontier(data.points, settings.n_bootstrap, settings.seed);
  if (is_asked(options, Approach::parametric))
    results.parametric = fit_surface(data.points, settings);
  return results;
}

/// Approaches 1 and 2 matter here only where one was asked for by name.
std::vector<std::string> problems_of(const ScalingData& data, const ExponentResults& results) {
  std::vector<std::string> problems = problems_of_data(data.points);
  const auto add = [&](const std::vector<std::string>& more) {
    problems.insert(problems.end(), more.begin(), more.end());
  };
  if (results.parametric) {
    add(problems_of_fit(*results.parametric));
    return problems;
  }
  const FrontierResult& result = results.isoflop ? *results.isoflop : results.envelope.value();
  if (const auto* const reason = std::get_if<std::string>(&result)) problems.push_back(*reason);
  return problems;
}

std::vector<Table> tables_of(const ScalingData& data, const ExponentResults& results,
                             const std::optional<ScalingLaw>& law, const ReportOptions& options) {
  std::vector<Table> tables;
  if (law) {
    tables.push_back(parameters_table(*results.parametric, data, options.fit.settings));
    tables.push_back(optima_table(*results.parametric, *law,
                                  compute_decades(data.points, options.fit.extrapolation)));
  }
  const auto add = [&](const std::optional<FrontierResult>& result, const char* key,
                       const char* title) {
    if (result && std::holds_alternative<FrontierFit>(*result))
      tables.push_back(frontier_table(std::get<FrontierFit>(*result), key, title));
  };
  add(results.isoflop, "isoflop", "Approach 2: minima of IsoFLOP parabolas");
  add(results.envelope, "envelope", "Approach 1: runs of the lowest training curves");
  tables.push_back(exponents_table(results));
  if (results.parametric && n_runs(data.points) >= kMinRuns) {
    const FitSettings& settings = options.fit.settings;
    tables.push_back(influence_table(leave_one_out(data.points, *results.parametric, settings),
                                     *results.parametric));
    tables.push_back(extrapolation_table(extrapolation_check(data.points, settings)));
  }
  return tables;
}

ScalingLaw make_law(const ScalingData& data, const SurfaceFit& fit, const ReportOptions& options,
                    bool reliable) {
  ScalingLaw law = fitted_law(fit, data, options.fit);
  law.name = "fit";
  law.title = fmt::format("{}fit of {} points from {}", reliable ? "" : "UNRELIABLE ",
                          data.points.size(), options.files.front().filename().string());
  if (options.files.size() > 1)
    law.title += fmt::format(" and {} more files", options.files.size() - 1);
  law.source = fmt::format(
      "report fit --approach 3: Huber delta {:g}, {} bootstrap resamples of runs, seed {}; {}",
      options.fit.settings.delta, options.fit.settings.n_bootstrap, options.fit.settings.seed,
      fmt::join(data.notes, "; "));
  return law;
}

void save_law(const ScalingLaw& law, bool reliable, const ReportOptions& options) {
  if (!reliable && !options.fit.force) {
    log::warn("{}: not written, the fit is UNRELIABLE; --force writes it all the same",
              options.out.string());
    return;
  }
  write_text_file(options.out, law_document(law));
  log::info("wrote {}: planner CLUSTER.yaml --hours H --law {}", options.out.string(),
            options.out.string());
}

void draw(const ScalingData& data, const ExponentResults& results,
          const std::optional<ScalingLaw>& law, const std::filesystem::path& image) {
  FitPicture picture;
  picture.points = data.points;
  if (results.isoflop) picture.isoflop = std::get_if<FrontierFit>(&*results.isoflop);
  if (results.parametric) picture.surface = &*results.parametric;
  if (law) picture.law = &*law;
  draw_fit(picture, image);
  log::info("wrote {}", image.string());
}

}  // namespace

bool is_scaling_table(const std::filesystem::path& file) { return file.extension() == ".csv"; }

ExitCode run_fit(const RunSet& set, const ReportOptions& options) {
  check_out(options);
  check_counted_params(set, options);
  const ScalingData data = gather(set, options);
  check_tokenizer(data, options);
  check_form(data, options);
  for (const std::string& name : data.left_out) log::warn("left out {}", name);

  const ExponentResults results = fit_approaches(data, options);
  const std::vector<std::string> problems = problems_of(data, results);
  for (const std::string& problem : problems) log::warn("UNRELIABLE: {}", problem);
  std::optional<ScalingLaw> law;
  if (results.parametric) law = make_law(data, *results.parametric, options, problems.empty());

  std::vector<Table> tables = tables_of(data, results, law, options);
  for (const std::string& problem : problems)
    tables.front().notes.push_back("UNRELIABLE: " + problem);
  for (const std::string& name : data.left_out) tables.front().notes.push_back("left out " + name);
  fmt::print("{}", render(tables, options.format, problems));
  if (!options.out.empty()) save_law(*law, problems.empty(), options);
  if (!options.fit.plot.empty()) draw(data, results, law, options.fit.plot);
  if (!problems.empty()) return ExitCode::kUnreliable;
  return data.left_out.empty() ? report_exit_code(set) : ExitCode::kSkippedInput;
}

}  // namespace isoflop::fit
