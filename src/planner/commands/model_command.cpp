// SPDX-License-Identifier: MIT
#include "planner/commands/model_command.hpp"

#include "core/base/command_line.hpp"
#include "planner/analysis/model_report.hpp"
#include "planner/commands/model_options.hpp"
#include "planner/model_argument.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <optional>
#include <string>
#include <vector>

namespace isoflop {
namespace {

struct ModelOptions {
  std::string model;
  std::vector<int64_t> seq_lens;
  std::string precision = "bf16";
  std::optional<std::string> formula;
  bool json = false;
};

std::optional<ModelOptions> parse(int argc, const char* const* argv) {
  ModelOptions options;
  CLI::App app("Parameters, FLOPs and memory of a model.", "planner model");
  app.add_option("MODEL", options.model, kModelHelp)->required();
  app.add_option("--seq-len", options.seq_lens,
                 "Tokens of a sequence, such as 2048,4096 [the model's, at most 8192]")
      ->delimiter(',')
      ->type_name("INT,...");
  app.add_option("--precision", options.precision, "bf16, fp16, tf32 or fp32 [bf16]");
  app.add_option("--flops-formula", options.formula, formula_help());
  app.add_flag("--json", options.json, "One JSON document");
  if (!parse_command_line(app, argc, argv, "see planner model --help")) return std::nullopt;
  return options;
}

std::string answer(const ModelOptions& options) {
  const std::optional<FlopsFormula> formula =
      options.formula ? std::optional(parse_flops_formula(*options.formula)) : std::nullopt;
  const Precision precision = training_precision(options.precision);
  const ModelShape shape = load_model_argument(options.model);
  std::vector<int64_t> seq_lens = options.seq_lens;
  if (seq_lens.empty()) seq_lens.push_back(default_seq_len(shape));
  const ModelAnalysis analysis = analyse_model(shape, seq_lens, precision);
  return options.json ? analysis_as_json(analysis, formula) : describe_analysis(analysis, formula);
}

}  // namespace

int run_model_command(int argc, const char* const* argv) {
  if (const std::optional<ModelOptions> options = parse(argc, argv))
    fmt::print("{}", answer(*options));
  return 0;
}

}  // namespace isoflop
