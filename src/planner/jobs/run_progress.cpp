// SPDX-License-Identifier: MIT
#include "planner/jobs/run_progress.hpp"

#include "core/base/config_node.hpp"
#include "core/base/error.hpp"
#include "core/run/run_reader.hpp"
#include "core/run/settled_steps.hpp"
#include "planner/pilot/pilot_measurement.hpp"

#include <algorithm>
#include <charconv>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

/// Steps that make a pace.
constexpr std::size_t kPaceSteps = 50;

fs::path status_file(const fs::path& folder, const TrainConfig& config) {
  return folder / (config.run.name + ".status.json");
}

fs::path checkpoint_folder(const fs::path& folder, const TrainConfig& config) {
  const fs::path checkpoints = config.checkpoint_folder();
  return config.checkpoint.folder.empty() ? folder / checkpoints.filename() : checkpoints;
}

bool has_files(const fs::path& folder, const TrainConfig& config) {
  return !run_files(folder, config.run.name).empty() || fs::exists(status_file(folder, config)) ||
         fs::exists(checkpoint_folder(folder, config));
}

void add_run_file(const RunFile& file, RunProgress& progress) {
  progress.state = to_string(file.state);
  progress.step = file.header.identity.resumed_from_step;
  progress.step_s = recent_step_s(file.steps, kPaceSteps);
  if (!file.steps.empty()) {
    const StepRecord& last = file.steps.back();
    progress.step = last.step;
    progress.written = last.time;
    if (last.loss) progress.loss = *last.loss;
  }
  for (const EvalRecord& eval : file.evals) {
    if (eval.set != EvalSet::validation || !eval.loss) continue;
    progress.evaluated_step = eval.step;
    progress.validation_loss = *eval.loss;
  }
}

/// From the newest start back to one that has steps: a start that failed early says little.
void add_run_files(const std::vector<fs::path>& files, RunProgress& progress) {
  for (auto file = files.rbegin(); file != files.rend(); ++file) {
    const RunReadResult read = read_run(*file);
    if (const auto* const broken = std::get_if<UnreadableRun>(&read)) {
      progress.notes.push_back(broken->message);
      continue;
    }
    add_run_file(std::get<RunFile>(read), progress);
    if (progress.loss) return;
  }
}

/// What the trainer says of this run; src/trainer/health/README.md has the fields.
void add_status(const fs::path& file, RunProgress& progress) {
  if (!fs::exists(file)) return;
  try {
    MapReader status(ConfigNode::load(file));
    progress.state = status.required<std::string>("state");
    progress.cause = status.value_or<std::string>("cause", "");
    progress.step = std::max(progress.step, status.required<int64_t>("step"));
    progress.written = status.required<double>("written");
  } catch (const Error& error) {
    progress.notes.emplace_back(error.what());
  }
}

/// "step-00001000" of the newest complete one.
std::optional<int64_t> newest_checkpoint(const fs::path& folder) {
  std::optional<int64_t> newest;
  if (!fs::is_directory(folder)) return newest;
  const std::string begin = "step-";
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    int64_t step = 0;
    if (!name.starts_with(begin)) continue;
    const char* const end = name.data() + name.size();
    if (std::from_chars(name.data() + begin.size(), end, step).ptr == end)
      newest = std::max(newest.value_or(0), step);
  }
  return newest;
}

}  // namespace

RunProgress read_progress(const TrainConfig& config, const std::vector<fs::path>& folders) {
  RunProgress progress;
  const auto found = std::find_if(folders.begin(), folders.end(),
                                  [&](const auto& folder) { return has_files(folder, config); });
  if (found == folders.end()) return progress;
  const std::vector<fs::path> files = run_files(*found, config.run.name);
  progress.folder = *found;
  progress.starts = static_cast<int64_t>(files.size());
  add_run_files(files, progress);
  add_status(status_file(*found, config), progress);
  progress.checkpoint_step = newest_checkpoint(checkpoint_folder(*found, config));
  return progress;
}

}  // namespace isoflop
