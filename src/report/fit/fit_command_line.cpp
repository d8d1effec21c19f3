// SPDX-License-Identifier: MIT
#include "report/fit/fit_command_line.hpp"

#include "report/choices.hpp"

#include <CLI/CLI.hpp>

namespace isoflop::fit {
namespace {

constexpr const char* kFooter =
    "\nFILE: run files, or tables (.csv) with the columns loss and two of N, D and C (parameters,\n"
    "tokens, FLOPs; losses in nats per token) and optionally run: rows of one run are resampled\n"
    "together. Runs that are not done and rows without a loss are named and left out (exit code "
    "6).\n"
    "A fit is UNRELIABLE, with the reasons and exit code 10, when it did not converge, ends at a\n"
    "bound, or has fewer than 8 runs, less than a factor of 10 in compute or fewer than 3 N or D;\n"
    "its law is then written with --force only.";

void declare_input(CLI::App& command, ReportOptions& options) {
  command.add_option("FILE", options.files, "Run files (runs/*.h5), tables (.csv)")
      ->required()
      ->type_name("");
  command.add_flag("--partial", options.fit.with_partial, "Runs that are not done take part too");
  command
      .add_option_function<std::string>(
          "--params",
          [&options](const std::string& word) {
            options.fit.counted_params =
                choose("--params",
                       std::map<std::string, CountedParams>{
                           {"total", CountedParams::total},
                           {"non_embedding", CountedParams::non_embedding}},
                       word);
          },
          "What N of the tables counts: total (the default, as run files) or non_embedding")
      ->type_name("WHAT");
  command
      .add_option("--tokenizer", options.fit.tokenizer,
                  "Whose losses per token a table holds; needed with --out, run files know theirs")
      ->type_name("NAME");
  command.add_option("--vocab-size", options.fit.vocab_size, "Vocabulary of that tokenizer")
      ->check(CLI::Range(int64_t{2}, int64_t{1} << 31))
      ->type_name("N");
}

void declare_method(CLI::App& command, FitOptions& options) {
  command
      .add_option_function<std::string>(
          "--approach",
          [&options](const std::string& word) {
            options.approach = choose("--approach",
                                      std::map<std::string, Approach>{{"1", Approach::envelope},
                                                                      {"2", Approach::isoflop},
                                                                      {"3", Approach::parametric}},
                                      word);
          },
          "Only this one of Hoffmann et al. 2022: 1 (lowest training curves), 2 (IsoFLOP "
          "parabolas) or 3 (the law). Default: 3, and 1 and 2 where the runs allow them")
      ->type_name("1|2|3");
  FitSettings& settings = options.settings;
  command
      .add_option_function<std::string>(
          "--form",
          [&settings](const std::string& word) {
            settings.form =
                choose("--form",
                       std::map<std::string, Form>{{"chinchilla", Form::chinchilla},
                                                   {"kaplan", Form::kaplan},
                                                   {"data_constrained", Form::data_constrained}},
                       word);
          },
          "Of the law: chinchilla (the default), kaplan (equation 1.5 of arXiv:2001.08361) or "
          "data_constrained (arXiv:2305.16264: tokens read again count less; tables with a column "
          "U, unique tokens)")
      ->type_name("NAME");
  command
      .add_option("--bootstrap", settings.n_bootstrap,
                  "Resamples of whole runs for the intervals. Default: 4000; 0: no intervals")
      ->check(CLI::Range(std::size_t{0}, std::size_t{100000}))
      ->type_name("N");
  command.add_option("--seed", settings.seed, "Of the resamples. Default: 0")->type_name("N");
  command
      .add_option("--delta", settings.delta,
                  "Huber's delta: residuals of ln L beyond it count by size. Default: 0.001")
      ->check(CLI::Range(1e-9, 1e3))
      ->type_name("X");
}

void declare_output(CLI::App& command, ReportOptions& options) {
  command
      .add_option_function<std::string>(
          "--format",
          [&options](const std::string& word) {
            options.format = choose("--format", report_formats(), word);
          },
          "text (the default), md, csv or json")
      ->type_name("NAME");
  command.add_option("--out", options.out, "Write the law for planner --law FILE")
      ->type_name("FILE");
  command
      .add_option_function<std::string>(
          "--plot",
          [&options](const std::string& file) {
            options.fit.plot = file;
            const std::filesystem::path kind = options.fit.plot.extension();
            if (kind != ".svg" && kind != ".png")
              throw ConfigError(fmt::format(
                  "--plot is '{}' (must end in .svg or .png); see report fit --help", file));
          },
          "Draw IsoFLOP parabolas, lines of equal loss with the best N, and residuals; the gnuplot "
          "script stands beside it")
      ->type_name("FILE.svg|png");
  command.add_flag("--force", options.fit.force, "Write an UNRELIABLE law too; its title says so");
  command
      .add_option(
          "--extrapolate", options.fit.extrapolation,
          "Factor beyond the compute of the runs, up and down, to which the planner may use "
          "the law. Default: 10")
      ->check(CLI::Range(1.0, 1e6))
      ->type_name("X");
}

}  // namespace

void declare_fit(CLI::App& app, ReportOptions& options) {
  CLI::App* const command = app.add_subcommand(
      "fit", "Fit a scaling law of the loss to runs, with intervals, for the planner");
  command->footer(kFooter);
  command->callback([&options] { options.action = ReportAction::fit; });
  declare_input(*command, options);
  declare_method(*command, options.fit);
  declare_output(*command, options);
}

}  // namespace isoflop::fit
