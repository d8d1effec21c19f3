// SPDX-License-Identifier: MIT
#include "planner/commands/memory_command.hpp"

#include "core/base/command_line.hpp"
#include "core/hardware/gpu_catalog.hpp"
#include "planner/analysis/memory_report.hpp"
#include "planner/analysis/model_analysis.hpp"
#include "planner/calibration_option.hpp"
#include "planner/commands/model_options.hpp"
#include "planner/model_argument.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <string>

namespace isoflop {
namespace {

struct MemoryOptions {
  std::string model;
  std::string gpu = "H100";
  int64_t n_gpu = 8;
  int64_t gpus_per_node = 8;
  int64_t micro_batch = 1;
  std::optional<int64_t> seq_len;
  std::string precision = "bf16";
  std::optional<std::filesystem::path> calibration;
  bool json = false;
};

std::optional<MemoryOptions> parse(int argc, const char* const* argv) {
  MemoryOptions options;
  CLI::App app("What one GPU holds under every strategy, and whether it fits.", "planner memory");
  app.add_option("MODEL", options.model, kModelHelp)->required();
  app.add_option("--gpu", options.gpu, "GPU, as you, nvidia-smi or Slurm write it [H100]");
  app.add_option("--gpus", options.n_gpu, "How many of them [8]");
  app.add_option("--gpus-per-node", options.gpus_per_node, "hsdp: most shards of a copy [8]");
  app.add_option("--micro-batch", options.micro_batch, "Sequences a GPU and micro step [1]");
  app.add_option("--seq-len", options.seq_len, "Tokens of a sequence [the model's, at most 8192]");
  app.add_option("--precision", options.precision, "bf16, fp16, tf32 or fp32 [bf16]");
  add_calibration_option(app, options.calibration);
  app.add_flag("--json", options.json, "One JSON document");
  if (!parse_command_line(app, argc, argv, "see planner memory --help")) return std::nullopt;
  return options;
}

std::string answer(const MemoryOptions& options) {
  const Precision precision = training_precision(options.precision);
  const ModelShape shape = load_model_argument(options.model);
  const GpuMatch gpu = GpuCatalog::load().find(std::string_view(options.gpu));
  const MemoryStudyRequest request{.shape = shape,
                                   .gpu = gpu.spec,
                                   .n_gpu = options.n_gpu,
                                   .gpus_per_node = options.gpus_per_node,
                                   .micro_batch_size = options.micro_batch,
                                   .seq_len = options.seq_len.value_or(default_seq_len(shape)),
                                   .precision = precision,
                                   .calibration = options.calibration};
  const MemoryStudy study = study_memory(request);
  return options.json ? memory_study_as_json(request, study)
                      : describe_memory_study(request, study, gpu.how);
}

}  // namespace

int run_memory_command(int argc, const char* const* argv) {
  if (const std::optional<MemoryOptions> options = parse(argc, argv))
    fmt::print("{}", answer(*options));
  return 0;
}

}  // namespace isoflop
