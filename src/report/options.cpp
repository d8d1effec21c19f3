// SPDX-License-Identifier: MIT
#include "report/options.hpp"

#include "core/base/build_info.hpp"
#include "core/base/command_line.hpp"
#include "report/choices.hpp"
#include "report/fit/fit_command_line.hpp"

#include <CLI/CLI.hpp>

#include <map>

namespace isoflop {
namespace {

constexpr const char* kFooter =
    "\nFiles that are not run files, are empty, truncated, damaged or of a newer format are named\n"
    "on stderr with the reason and left out; the exit code is then 6.\n"
    "Files of one run (same name and configuration, one file per start) become one row; steps "
    "that\n"
    "were computed again after a restart count once and are shown as lost. Runs that are not done "
    "are\n"
    "PARTIAL. A file that is still being written can be read at any time.\n"
    "Exit codes: 0 done, 2 a wrong option or key, 3 a file that cannot be written, 6 files left "
    "out,\n10 a fit that must not be relied on.\n";

void declare_export(CLI::App& app, ReportOptions& options) {
  CLI::App* const command =
      app.add_subcommand("export", "Write one run, all of its starts, in another format");
  command->add_option("FILE", options.files, "The run's files, one for each start")
      ->required()
      ->type_name("");
  command->callback([&options] { options.action = ReportAction::export_run; });
  CLI::Option_group* const format = command->add_option_group("Format", "one of them is needed");
  format->add_flag_callback(
      "--json", [&options] { options.export_format = ExportFormat::json; },
      "One JSON document, as trainer --set log.json=true writes");
  format->add_flag_callback(
      "--csv", [&options] { options.export_format = ExportFormat::csv; },
      "A line an iteration, columns named by the keys of the JSON document (mfu.mfu_percent), and "
      "the losses of evaluations");
  format->require_option(1);
  command->add_option("--out", options.out, "File to write. Default: standard output")
      ->type_name("FILE");
}

void declare_selection(CLI::App& app, RunSelection& selection) {
  app.add_option("--filter", selection.filters,
                 "Only runs with this value; KEY: a column of --format csv --table runs, or of "
                 "the configuration (model.n_layer). May be given several times")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  app.add_option("--sort", selection.sort, "Order of the runs; KEY:desc from the largest down")
      ->type_name("KEY");
  app.add_option("--group", selection.group,
                 "Runs of one value stand together, and a table has means over each group")
      ->type_name("KEY");
}

void declare_format(CLI::App& app, ReportOptions& options) {
  app.add_option_function<std::string>(
         "--format",
         [&options](const std::string& word) {
           options.format = choose("--format", report_formats(), word);
         },
         "text (the default), md, csv (numbers in full, '#' lines between tables) or json")
      ->type_name("NAME");
}

void declare_compare(CLI::App& app, ReportOptions& options) {
  CLI::App* const command = app.add_subcommand(
      "compare", "Two groups of runs: differences with intervals, and the keys that differ");
  command->callback([&options] { options.action = ReportAction::compare; });
  command->add_option("FILE", options.files, "Run files of both groups")->required()->type_name("");
  command
      ->add_option("--by", options.compare.by,
                   "Key whose value tells the groups apart (model.position_encoding, precision)")
      ->required()
      ->type_name("KEY");
  command
      ->add_option("--values", options.compare.values,
                   "Two of its values, the base first. Default: the two there are")
      ->delimiter(',')
      ->expected(2)
      ->type_name("A,B");
  declare_selection(*command, options.selection);
  declare_format(*command, options);
}

void declare_repair(CLI::App& app, ReportOptions& options) {
  CLI::App* const command = app.add_subcommand(
      "repair", "Copy what a crash left of a run file into a new one that any reader opens");
  command->callback([&options] { options.action = ReportAction::repair; });
  command->add_option("FILE", options.files, "The file as it was left; it is not changed")
      ->required()
      ->expected(1)
      ->type_name("");
  command->add_option("-o,--out", options.out, "The new file")->required()->type_name("FILE");
}

void declare_follow(CLI::App& app, ReportOptions& options) {
  CLI::App* const command = app.add_subcommand(
      "follow", "A running job in the terminal: steps, time left, curves of loss and MFU");
  command->callback([&options] { options.action = ReportAction::follow; });
  command->add_option("FILE", options.files, "Any file of the run; later starts are followed too")
      ->required()
      ->expected(1)
      ->type_name("");
  command->add_option("--every", options.follow.every_s, "Seconds between two looks")
      ->check(CLI::Range(0.1, 86400.0))
      ->capture_default_str()
      ->type_name("S");
  command->add_flag("--once", options.follow.once, "One look, as where output is no terminal");
}

/// Options of a command are not asked of the others.
void check_files(const ReportOptions& options) {
  if (options.files.empty()) throw ConfigError("FILE is required; see report --help");
  if (options.table == "groups" && options.selection.group.empty())
    throw ConfigError("--table groups needs --group KEY; see report --help");
}

}  // namespace

std::optional<ReportOptions> parse_options(int argc, const char* const* argv) {
  ReportOptions options;
  CLI::App app{"Tables of speed and loss from the run files of trainer.", "report"};
  app.footer(kFooter);
  app.add_option("FILE", options.files, "Run files (runs/*.h5)")->type_name("");
  declare_export(app, options);
  declare_compare(app, options);
  declare_repair(app, options);
  declare_follow(app, options);
  fit::declare_fit(app, options);
  declare_format(app, options);
  app.add_option_function<std::string>(
         "--table",
         [&](const std::string& word) {
           choose("--table",
                  std::map<std::string, int>{{"runs", 0},
                                             {"groups", 0},
                                             {"loss_at_tokens", 0},
                                             {"loss_at_flops", 0},
                                             {"loss_at_wall", 0},
                                             {"best_runs", 0},
                                             {"predictions", 0},
                                             {"health", 0}},
                  word);
           options.table = word;
         },
         "Only this one: runs, groups (with --group), loss_at_tokens, loss_at_flops, loss_at_wall, "
         "best_runs, predictions or health; csv "
         "is then "
         "plain")
      ->type_name("NAME");
  app.add_option("--html", options.html,
                 "Write all tables and plots (by gnuplot) as one page that needs no network")
      ->type_name("FILE");
  app.add_option("--plots", options.plots,
                 "Draw the page's plots into this folder instead, as .svg and .png (gnuplot)")
      ->type_name("FOLDER")
      ->excludes("--html");
  declare_selection(app, options.selection);
  app.set_version_flag("--version", "report " + build_text());
  if (!parse_command_line(app, argc, argv, "see report --help")) return std::nullopt;
  check_files(options);
  return options;
}

}  // namespace isoflop
