// SPDX-License-Identifier: MIT
#include "trainer/interchange/commands.hpp"

#include "core/base/error.hpp"
#include "trainer/comm/job_place.hpp"
#include "trainer/interchange/evaluate_command.hpp"
#include "trainer/interchange/export_command.hpp"
#include "trainer/interchange/import_command.hpp"
#include "trainer/interchange/sample_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace isoflop {
namespace {

struct InterchangeCommand {
  std::string_view name;
  std::string_view arguments;
  std::string_view what;
  /// argv[0] is the command's name.
  int (*run)(int argc, const char* const* argv, std::unique_ptr<Launch>& launch);
};

constexpr std::array kCommands = {
    InterchangeCommand{"export", "CKPT --to DIR", "write a model as transformers loads it",
                       run_export_command},
    InterchangeCommand{"import", "DIR --to CKPT", "make a checkpoint of a model of transformers",
                       run_import_command},
    InterchangeCommand{"eval", "CKPT DATA", "loss, perplexity and bits per byte over a dataset",
                       run_evaluate_command},
    InterchangeCommand{"sample", "CKPT --prompt TEXT", "text that follows a prompt",
                       run_sample_command},
};

const InterchangeCommand* find_command(int argc, const char* const* argv) {
  if (argc < 2) return nullptr;
  const auto found = std::find_if(kCommands.begin(), kCommands.end(),
                                  [&](const auto& command) { return command.name == argv[1]; });
  return found == kCommands.end() ? nullptr : &*found;
}

int started_processes(const EnvironmentLookup& environment) {
  switch (detect_launcher(environment)) {
    case Launcher::none:
      return 1;
    case Launcher::slurm_tasks:
      return slurm_step_tasks(environment);
    case Launcher::mpi:
      break;
  }
  return find_job_place(environment).world_size;
}

}  // namespace

bool is_interchange_command(int argc, const char* const* argv) {
  return find_command(argc, argv) != nullptr;
}

std::string interchange_help() {
  std::string text = "Trained models (each with --help):\n";
  for (const InterchangeCommand& command : kCommands)
    text += fmt::format("  {:<8}{:<22}{}\n", command.name, command.arguments, command.what);
  return text;
}

int run_interchange_command(int argc, char** argv, std::unique_ptr<Launch>& launch) {
  return find_command(argc, argv)->run(argc - 1, argv + 1, launch);
}

void require_one_process(const std::string& command, const EnvironmentLookup& environment) {
  const int n = started_processes(environment);
  if (n > 1)
    throw ConfigError(fmt::format(
        "trainer {} works in one process ({} were started); start it once, without srun or mpirun",
        command, n));
}

}  // namespace isoflop
