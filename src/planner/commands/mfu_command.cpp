// SPDX-License-Identifier: MIT
#include "planner/commands/mfu_command.hpp"

#include "core/base/command_line.hpp"
#include "core/hardware/gpu_catalog.hpp"
#include "planner/analysis/mfu_report.hpp"
#include "planner/analysis/model_analysis.hpp"
#include "planner/commands/model_options.hpp"
#include "planner/model_argument.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <optional>
#include <string>

namespace isoflop {
namespace {

struct MfuOptions {
  std::string model;
  std::string gpu;
  int64_t n_gpu = 0;
  std::optional<double> tokens_per_s;
  std::optional<int64_t> seq_len;
  std::optional<std::string> precision;
  std::optional<std::string> formula;
  bool json = false;
};

std::optional<MfuOptions> parse(int argc, const char* const* argv) {
  MfuOptions options;
  CLI::App app("Model FLOPs utilisation of a throughput, or the throughput of each band of it.",
               "planner mfu");
  app.add_option("MODEL", options.model, kModelHelp)->required();
  app.add_option("--gpu", options.gpu, "GPU, as you, nvidia-smi or Slurm write it")->required();
  app.add_option("--gpus", options.n_gpu, "How many of them")->required();
  app.add_option("--tokens-per-second", options.tokens_per_s, "Measured, of all GPUs together");
  app.add_option("--seq-len", options.seq_len, "Tokens of a sequence [the model's, at most 8192]");
  app.add_option("--precision", options.precision, "Of the peak [bf16, else fp16]");
  app.add_option("--flops-formula", options.formula, formula_help());
  app.add_flag("--json", options.json, "One JSON document");
  if (!parse_command_line(app, argc, argv, "see planner mfu --help")) return std::nullopt;
  return options;
}

std::string answer(const MfuOptions& options) {
  const ModelShape shape = load_model_argument(options.model);
  const GpuMatch gpu = GpuCatalog::load().find(std::string_view(options.gpu));
  MfuRequest request{.shape = shape,
                     .seq_len = options.seq_len.value_or(default_seq_len(shape)),
                     .gpu = gpu.spec,
                     .n_gpu = options.n_gpu,
                     .precision = peak_precision(gpu.spec, options.precision),
                     .tokens_per_s = options.tokens_per_s};
  if (options.formula) request.formula = parse_flops_formula(*options.formula);
  const MfuAnalysis analysis = analyse_mfu(request);
  return options.json ? mfu_as_json(request, analysis) : describe_mfu(request, analysis, gpu.how);
}

}  // namespace

int run_mfu_command(int argc, const char* const* argv) {
  if (const std::optional<MfuOptions> options = parse(argc, argv))
    fmt::print("{}", answer(*options));
  return 0;
}

}  // namespace isoflop
