// SPDX-License-Identifier: MIT
#include "report/fit/fit_command.hpp"

#include "core/base/log.hpp"
#include "core/base/text_file.hpp"
#include "core/scaling/law_writer.hpp"
#include "report/fit/fit_tables.hpp"
#include "report/fit/fitted_law.hpp"
#include "report/fit/reliability.hpp"

#include <fmt/format.h>

#include <iterator>

namespace isoflop::fit {
namespace {

void append(ScalingData more, ScalingData& data) {
  const auto move_to = [](auto& from, auto& to) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  };
  move_to(more.points, data.points);
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

void name_law(const ScalingData& data, const ReportOptions& options, bool reliable,
              ScalingLaw& law) {
  law.name = "fit";
  law.title = fmt::format("{}fit of {} points from {}", reliable ? "" : "UNRELIABLE ",
                          data.points.size(), options.files.front().filename().string());
  if (options.files.size() > 1)
    law.title += fmt::format(" and {} more files", options.files.size() - 1);
  law.source = fmt::format(
      "report fit --approach 3: Huber delta {:g}, {} bootstrap resamples of runs, seed {}; {}",
      options.fit.settings.delta, options.fit.settings.n_bootstrap, options.fit.settings.seed,
      fmt::join(data.notes, "; "));
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

}  // namespace

bool is_scaling_table(const std::filesystem::path& file) { return file.extension() == ".csv"; }

ExitCode run_fit(const RunSet& set, const ReportOptions& options) {
  const ScalingData data = gather(set, options);
  check_tokenizer(data, options);
  for (const std::string& name : data.left_out) log::warn("left out {}", name);

  const SurfaceFit fit = fit_chinchilla(data.points, options.fit.settings);
  std::vector<std::string> problems = problems_of_data(data.points);
  for (const std::string& problem : problems_of_fit(fit)) problems.push_back(problem);
  for (const std::string& problem : problems) log::warn("UNRELIABLE: {}", problem);

  ScalingLaw law = fitted_law(fit, data, options.fit);
  name_law(data, options, problems.empty(), law);
  std::vector<Table> tables = {
      parameters_table(fit, data, options.fit.settings),
      optima_table(fit, law, compute_decades(data.points, options.fit.extrapolation))};
  for (const std::string& problem : problems)
    tables.front().notes.push_back("UNRELIABLE: " + problem);
  for (const std::string& name : data.left_out) tables.front().notes.push_back("left out " + name);
  fmt::print("{}", render(tables, options.format, problems));
  if (!options.out.empty()) save_law(law, problems.empty(), options);
  if (!problems.empty()) return ExitCode::kUnreliable;
  return data.left_out.empty() ? report_exit_code(set) : ExitCode::kSkippedInput;
}

}  // namespace isoflop::fit
