// SPDX-License-Identifier: MIT
#include "planner/commands/calibrate_command.hpp"

#include "core/base/command_line.hpp"
#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "core/base/text_file.hpp"
#include "planner/calibration_option.hpp"
#include "planner/fit/fit_report.hpp"
#include "planner/fit/published_fit.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

struct CalibrateOptions {
  std::vector<fs::path> runs;
  bool published = false;
  fs::path published_file;
  std::optional<std::string> hold_out;
  std::optional<fs::path> calibration;
  std::optional<fs::path> cluster;
  std::optional<fs::path> out;
  bool json = false;
};

void check(const CalibrateOptions& options) {
  if (options.published != options.runs.empty())
    throw ConfigError(
        "planner calibrate needs run files or --published, not both; see planner calibrate --help");
  if (options.hold_out && !options.published)
    throw ConfigError(
        "--hold-out is for --published (of run files each is held out where there are three); "
        "leave it out");
  if (options.cluster && options.published)
    throw ConfigError("--cluster is for run files (published rows name their GPU); leave it out");
}

std::optional<CalibrateOptions> parse(int argc, const char* const* argv) {
  CalibrateOptions options;
  CLI::App app(
      "Refits the constants of predictions: on run files of the trainer, those that the runs "
      "determine; or on a table of published runs, all that are declared as fitted.",
      "planner calibrate");
  app.add_option("RUNS", options.runs, "Run files of the trainer");
  const CLI::Option* const published =
      app.add_option("--published", options.published_file,
                     "Table of runs of any program [data/published_runs.csv]")
          ->expected(0, 1);
  app.add_option("--hold-out", options.hold_out,
                 "With --published, predict what was left out of the fit: each source, programs "
                 "(all sources of one), or the sources with this text");
  add_calibration_option(app, options.calibration);
  app.add_option("--cluster", options.cluster,
                 "Cluster file of the nodes that ran [a GPU's usual node; CPUs need it]");
  app.add_option("--out", options.out,
                 "File for the refitted constants, which --calibration takes");
  app.add_flag("--json", options.json, "One JSON document");
  if (!parse_command_line(app, argc, argv, "see planner calibrate --help")) return std::nullopt;
  options.published = published->count() > 0;
  if (options.published_file.empty()) options.published_file = data_dir() / "published_runs.csv";
  check(options);
  return options;
}

CalibrationFile load_constants(const CalibrateOptions& options) {
  return CalibrationFile::load(options.calibration.value_or(default_calibration_file()));
}

void write_out(const CalibrateOptions& options, const CalibrationFile& file) {
  if (!options.out) return;
  write_text_file(*options.out, file.text());
  if (!options.json)
    fmt::print("\nWritten {}: planner CLUSTER --hours H --calibration {}\n", options.out->string(),
               options.out->string());
}

std::vector<std::string> sources_with(std::span<const std::vector<std::string>> groups,
                                      const std::string& text) {
  std::vector<std::string> sources;
  for (const std::vector<std::string>& group : groups)
    for (const std::string& source : group)
      if (source.find(text) != std::string::npos) sources.push_back(source);
  if (sources.empty())
    throw ConfigError(fmt::format(
        "--hold-out is '{}' (no source has that text); use each, programs, or part of a source's "
        "name as planner estimate prints it",
        text));
  return sources;
}

std::vector<std::vector<std::string>> groups_of(
    const std::string& hold_out, std::span<const PublishedMeasurement> measurements) {
  const bool programs = hold_out == "programs";
  std::vector<std::vector<std::string>> groups =
      held_out_groups(measurements, programs ? HoldOut::program : HoldOut::source);
  if (programs || hold_out == "each") return groups;
  return {sources_with(groups, hold_out)};
}

/// The rows whose source is in a group.
std::vector<EstimatedRow> only(std::vector<EstimatedRow> rows,
                               std::span<const std::vector<std::string>> groups) {
  std::erase_if(rows, [&](const EstimatedRow& row) {
    return std::none_of(groups.begin(), groups.end(), [&](const std::vector<std::string>& group) {
      return std::find(group.begin(), group.end(), row.source) != group.end();
    });
  });
  return rows;
}

PublishedCalibration calibrate(const CsvTable& table, const RunReader& reader,
                               const CalibrationSection& section, const CalibrateOptions& options) {
  const std::vector<PublishedMeasurement> measurements =
      published_measurements(table, reader, section.values());
  PublishedCalibration result;
  result.measurements = measurements.size();
  result.before = section;
  result.fitted = fit_to_published(
      measurements, section,
      fmt::format("{}, each source weighing the same", options.published_file.filename().string()));
  result.accuracy = accuracy_by_source(estimate_rows(table, reader, result.fitted.values()));
  if (options.hold_out) {
    const auto groups = groups_of(*options.hold_out, measurements);
    result.held_out =
        accuracy_by_source(only(estimate_held_out(table, reader, section, groups), groups));
  }
  return result;
}

int calibrate_published(const CalibrateOptions& options) {
  CalibrationFile file = load_constants(options);
  const CsvTable table = CsvTable::load(options.published_file);
  const PublishedCalibration result = calibrate(table, RunReader(), file.section("gpu"), options);
  fmt::print("{}", options.json ? published_fit_as_json(result) : describe_published_fit(result));
  file.replace(result.fitted);
  write_out(options, file);
  return 0;
}

/// The runs of one kind of device, and why the other files are left out.
struct Runs {
  std::vector<MeasuredRun> of_gpus;
  std::vector<MeasuredRun> of_cpus;
  std::vector<std::string> skipped;
};

void add_run(Runs& runs, const fs::path& path, const GpuCatalog& catalog,
             const std::optional<Cluster>& cluster) {
  RunReadResult file = read_run(path);
  if (const auto* const unreadable = std::get_if<UnreadableRun>(&file)) {
    runs.skipped.push_back(unreadable->message);
    return;
  }
  std::variant<MeasuredRun, UnusableRun> run =
      measured_run(std::get<RunFile>(file), catalog, cluster);
  if (const auto* const unusable = std::get_if<UnusableRun>(&run)) {
    runs.skipped.push_back(unusable->reason);
    return;
  }
  auto& measured = std::get<MeasuredRun>(run);
  const bool on_gpu = measured.partition.device.kind == DeviceClass::gpu;
  (on_gpu ? runs.of_gpus : runs.of_cpus).push_back(std::move(measured));
}

Runs load_runs(const CalibrateOptions& options) {
  const GpuCatalog catalog = GpuCatalog::load();
  std::optional<Cluster> cluster;
  if (options.cluster) cluster = load_cluster(*options.cluster, catalog);
  Runs runs;
  for (const fs::path& path : options.runs) add_run(runs, path, catalog, cluster);
  for (const std::string& reason : runs.skipped) log::warn("skipped {}", reason);
  return runs;
}

int calibrate_runs(const CalibrateOptions& options) {
  CalibrationFile file = load_constants(options);
  const Runs runs = load_runs(options);
  if (runs.of_gpus.empty() && runs.of_cpus.empty())
    throw FileError("none of the files is a run that says how long its steps took; see above");
  std::vector<RunFit> fits;
  for (const auto& [name, of] :
       {std::pair("gpu", &runs.of_gpus), std::pair("cpu", &runs.of_cpus)}) {
    if (of->empty()) continue;
    fits.push_back(fit_to_runs(*of, file.section(name)));
    file.replace(fits.back().section);
  }
  fmt::print("{}", options.json ? run_fits_as_json(fits, runs.skipped) : describe_run_fits(fits));
  write_out(options, file);
  return static_cast<int>(runs.skipped.empty() ? ExitCode::kSuccess : ExitCode::kSkippedInput);
}

}  // namespace

int run_calibrate_command(int argc, const char* const* argv) {
  const std::optional<CalibrateOptions> options = parse(argc, argv);
  if (!options) return 0;
  return options->published ? calibrate_published(*options) : calibrate_runs(*options);
}

}  // namespace isoflop
