// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/error.hpp"
#include "core/base/table/table.hpp"
#include "core/run/run_set.hpp"
#include "report/compare.hpp"
#include "report/fit/fit_options.hpp"
#include "report/follow.hpp"
#include "report/run_selection.hpp"

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace isoflop {

enum class ReportFormat { text, markdown, csv, json };

enum class ReportAction { tables, compare, follow, repair, export_run, fit };

/// A run in another format: one JSON document, or a line of CSV an iteration.
enum class ExportFormat { json, csv };

struct ReportOptions {
  ReportAction action = ReportAction::tables;
  std::vector<std::filesystem::path> files{};
  ReportFormat format = ReportFormat::text;
  std::string table{};            ///< key of the only table wanted; empty for all
  std::filesystem::path html{};   ///< write a page there instead of tables; empty: none
  std::filesystem::path plots{};  ///< a folder for plots instead of tables; empty: none
  RunSelection selection{};
  CompareOptions compare{};
  FollowOptions follow{};
  ExportFormat export_format = ExportFormat::json;
  std::filesystem::path
      out{};  ///< of an export, empty: standard output; of a fit's law, empty: none; of a repair
  fit::FitOptions fit{};
};

/// Tables in a format; `problems` stand in JSON alone.
std::string render(std::span<const Table> tables, ReportFormat format,
                   std::span<const std::string> problems);

/// The document about the runs of `set` that options.selection selects. Throws ConfigError as
/// select_runs. Kokkos must be initialized.
std::string make_report(RunSet set, const ReportOptions& options);

/// Writes the page of all tables and plots to options.html. Throws as make_report, and FileError.
void write_html_report(RunSet set, const ReportOptions& options);

/// Draws the plots of the runs into options.plots; returns how many there are of each format.
/// Throws as make_report, and FileError.
std::size_t draw_plots(RunSet set, const ReportOptions& options);

/// kSkippedInput when a file was left out.
ExitCode report_exit_code(const RunSet& set);

}  // namespace isoflop
