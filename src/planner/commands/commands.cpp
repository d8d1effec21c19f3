// SPDX-License-Identifier: MIT
#include "planner/commands/commands.hpp"

#include "core/base/build_info.hpp"
#include "core/base/error.hpp"
#include "core/base/suggest.hpp"
#include "planner/commands/calibrate_command.hpp"
#include "planner/commands/cancel_command.hpp"
#include "planner/commands/detect_command.hpp"
#include "planner/commands/estimate_command.hpp"
#include "planner/commands/gpus_command.hpp"
#include "planner/commands/layouts_command.hpp"
#include "planner/commands/memory_command.hpp"
#include "planner/commands/mfu_command.hpp"
#include "planner/commands/model_command.hpp"
#include "planner/commands/plan_command.hpp"
#include "planner/commands/refine_command.hpp"
#include "planner/commands/scaling_command.hpp"
#include "planner/commands/status_command.hpp"
#include "planner/commands/submit_command.hpp"
#include "planner/commands/sweep_command.hpp"
#include "planner/commands/tick_command.hpp"
#include "planner/commands/validate_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <vector>

namespace isoflop {
namespace {

constexpr std::array kCommands = {
    Command{"plan", "CLUSTER --hours H", "the best model that a cluster trains in the time given",
            run_plan_command},
    Command{"refine", "DIR", "plans again by what the pilot of a plan measured",
            run_refine_command},
    Command{"sweep", "CLUSTER --gpu-hours H",
            "the runs that measure a scaling law, or an ablation, within a budget",
            run_sweep_command},
    Command{"schedule", "DIR", "has a sweep submitted bit by bit when the cluster is quiet",
            run_schedule_command},
    Command{"tick", "DIR", "submits what is missing of a sweep if its schedule allows it now",
            run_tick_command},
    Command{"submit", "DIR", "submits the training of a plan, or has it go on", run_submit_command},
    Command{"status", "DIR", "jobs, steps, losses and the time left of a plan's training",
            run_status_command},
    Command{"cancel", "DIR", "ends a plan's jobs, which save their state", run_cancel_command},
    Command{"model", "MODEL", "parameters, FLOPs and memory of a model by component",
            run_model_command},
    Command{"memory", "MODEL [--gpu NAME]",
            "what one GPU holds under every strategy, and whether it fits", run_memory_command},
    Command{"layouts", "MODEL CLUSTER --gpus N --global-batch B",
            "the layouts of a job, fastest first, and why others are rejected",
            run_layouts_command},
    Command{"mfu", "MODEL --gpu NAME --gpus N",
            "utilisation of a throughput, or the throughput of each band", run_mfu_command},
    Command{"gpus", "[NAME]", "the GPU catalogue: peaks, memory, bandwidth, what is certain",
            run_gpus_command},
    Command{"scaling", "--compute C", "N, D and loss by law for compute, money, a loss or a model",
            run_scaling_command},
    Command{"detect", "slurm|local", "a cluster file of this Slurm cluster or of this node",
            run_detect_command},
    Command{"validate", "[FILE]", "published figures against what this program computes",
            run_validate_command},
    Command{"estimate", "RUNS.csv",
            "step time and memory of published runs, and how wrong they are", run_estimate_command},
    Command{"calibrate", "RUNS.h5... | --published",
            "refit the constants of predictions on your runs, or on published ones",
            run_calibrate_command},
};

const Command* find_command(std::string_view name) {
  const auto found = std::find_if(kCommands.begin(), kCommands.end(),
                                  [&](const Command& command) { return command.name == name; });
  return found == kCommands.end() ? nullptr : &*found;
}

std::vector<std::string> command_names() {
  std::vector<std::string> names;
  for (const Command& command : kCommands) names.emplace_back(command.name);
  return names;
}

/// Throws for what can only be a misspelt command: a bare word, neither a file nor an option.
void refuse_unknown_command(const std::string& word) {
  if (word.empty() || word == "auto" || word.starts_with('-') ||
      word.find_first_of("./") != std::string::npos || std::filesystem::exists(word))
    return;
  throw ConfigError(
      fmt::format("'{}' is neither a command nor a cluster file{}; planner --help "
                  "lists the commands",
                  word, did_you_mean(word, command_names())));
}

}  // namespace

std::span<const Command> commands() { return kCommands; }

std::string command_help() {
  std::string text =
      "Plans the best model that a cluster can train in the time given, and analyses models.\n\n"
      "planner CLUSTER --hours H is planner plan CLUSTER --hours H.\n\nCommands:\n";
  std::size_t width = 0;
  for (const Command& command : kCommands)
    width = std::max(width, command.name.size() + 1 + command.arguments.size());
  for (const Command& command : kCommands)
    text += fmt::format("  {:<{}}  {}\n", fmt::format("{} {}", command.name, command.arguments),
                        width, command.what);
  return text + "\nplanner COMMAND --help lists the options of one; planner --version.\n";
}

int run_command(int argc, const char* const* argv) {
  const std::string word = argc > 1 ? argv[1] : "";
  if (word == "--help" || word == "-h") {
    fmt::print("{}", command_help());
    return 0;
  }
  if (word == "--version") {
    fmt::print("planner {}\n", build_text());
    return 0;
  }
  if (const Command* const command = find_command(word)) return command->run(argc - 1, argv + 1);
  refuse_unknown_command(word);
  return run_plan_command(argc, argv);
}

}  // namespace isoflop
