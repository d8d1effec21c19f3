// SPDX-License-Identifier: MIT
#include "planner/pilot/pilot_measurement.hpp"

#include "core/base/error.hpp"
#include "planner/pilot/pilot_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

/// Parts of a run whose means are compared.
constexpr std::size_t kParts = 5;

std::string submit_again(const PlanFiles& files) {
  return fmt::format("submit {} and refine when it has run", files.pilot_script.string());
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

/// Absent when not all of `count` steps have the value.
std::optional<double> median_of_all(const std::vector<double>& values, std::size_t count) {
  return values.size() == count ? std::optional(median(values)) : std::nullopt;
}

/// Means over equal parts of the run, single steps where there are few.
std::vector<double> part_means(const std::vector<double>& values) {
  const std::size_t parts = std::min(kParts, values.size());
  std::vector<double> means;
  for (std::size_t part = 0; part < parts; ++part) {
    const std::size_t first = part * values.size() / parts;
    const std::size_t last = (part + 1) * values.size() / parts;
    double sum = 0;
    for (std::size_t i = first; i < last; ++i) sum += values[i];
    means.push_back(sum / static_cast<double>(last - first));
  }
  return means;
}

double scatter_of(const std::vector<double>& step_s) {
  const double centre = median(step_s);
  const std::vector<double> means = part_means(step_s);
  double sum = 0;
  for (const double mean : means) sum += std::pow(std::log(mean / centre), 2);
  return std::sqrt(sum / static_cast<double>(means.size() - 1));
}

/// Without what the trainer finds out when it starts.
TrainConfig as_planned(TrainConfig config) {
  config.device = {};
  config.checkpoint = {};
  config.model.attention_backend = {};
  return config;
}

/// Runs of one layout that can be used.
struct LayoutRuns {
  TrainConfig config;  ///< of the first
  std::vector<RunFile> files;
};

LayoutRuns& runs_with(std::vector<LayoutRuns>& layouts, const TrainConfig& config) {
  for (LayoutRuns& runs : layouts)
    if (runs.config.layout == config.layout) return runs;
  return layouts.emplace_back(LayoutRuns{config, {}});
}

/// What the steps that count say.
struct TimedSteps {
  std::vector<double> step_s;
  std::vector<double> communication_s;
  std::vector<double> optimizer_s;
  std::optional<double> memory_gib;

  void add(const RunFile& file) {
    for (const StepRecord& step : file.steps) {
      if (step.mem_peak_gib)
        memory_gib = std::max(memory_gib.value_or(0), double{*step.mem_peak_gib});
      if (step.step <= kPilotWarmUpSteps || !step.step_s || *step.step_s <= 0) continue;
      step_s.push_back(*step.step_s);
      if (step.comm_s) communication_s.push_back(*step.comm_s);
      if (step.optimizer_s) optimizer_s.push_back(*step.optimizer_s);
    }
  }
  bool are_enough() const { return step_s.size() >= static_cast<std::size_t>(kFewestTimedSteps); }
};

bool has_enough_steps(const RunFile& file) {
  TimedSteps steps;
  steps.add(file);
  return steps.are_enough();
}

std::string too_few_steps(const RunFile& file, const PlanFiles& files) {
  return fmt::format("{}: {} after {} steps (at least {} are needed); see its log, then {}",
                     file.path.string(), to_string(file.state), file.steps.size(),
                     kPilotWarmUpSteps + kFewestTimedSteps, submit_again(files));
}

/// Adds the newest file of one run, or why it says nothing.
void add_run(std::vector<LayoutRuns>& layouts, PilotRecord& record, const TrainConfig& config,
             const PlanFiles& files) {
  const std::vector<fs::path> starts = run_files(config.run.out, config.run.name);
  if (starts.empty()) {
    record.unusable.push_back(
        {fmt::format("{}: no run file of '{}' yet; {}", config.run.out.string(), config.run.name,
                     submit_again(files))});
    return;
  }
  RunReadResult read = read_run(starts.back());
  if (const auto* const broken = std::get_if<UnreadableRun>(&read)) {
    record.unusable.push_back({broken->message});
    return;
  }
  RunFile& file = std::get<RunFile>(read);
  if (!is_run_of(file, config)) {
    record.unusable.push_back(
        {fmt::format("{}: is of another plan than {}; {}", file.path.string(),
                     files.plan.parent_path().string(), submit_again(files))});
    return;
  }
  if (!has_enough_steps(file)) {
    record.unusable.push_back({too_few_steps(file, files)});
    return;
  }
  if (file.state != RunState::done)
    record.notes.push_back(fmt::format("{}: {} after {} of {} steps; those are used",
                                       file.path.filename().string(), to_string(file.state),
                                       file.steps.size(), config.schedule.steps));
  runs_with(layouts, config).files.push_back(std::move(file));
}

}  // namespace

std::vector<fs::path> run_files(const fs::path& folder, const std::string& name) {
  std::vector<fs::path> found;
  std::error_code not_there;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, not_there)) {
    const std::string file = entry.path().filename().string();
    if (file.starts_with(name + ".s") && entry.path().extension() == ".h5")
      found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

bool is_run_of(const RunFile& file, const TrainConfig& config) {
  try {
    const ConfigNode recorded = ConfigNode::parse(file.header.config.yaml, file.path.string());
    return as_planned(read_train_config(recorded)) == as_planned(config);
  } catch (const Error&) {
    return false;
  }
}

std::optional<PilotMeasurement> measure_pilot(std::span<const RunFile> files,
                                              const TrainConfig& config) {
  TimedSteps steps;
  std::vector<fs::path> paths;
  for (const RunFile& file : files) {
    steps.add(file);
    paths.push_back(file.path);
  }
  if (!steps.are_enough()) return std::nullopt;
  const std::size_t count = steps.step_s.size();
  return PilotMeasurement{
      .files = std::move(paths),
      .config = config,
      .layout = resolve_layout(config.layout, files.front().header.hardware.world_size),
      .timed_steps = static_cast<int64_t>(count),
      .step_s = median(steps.step_s),
      .communication_s = median_of_all(steps.communication_s, count),
      .optimizer_s = median_of_all(steps.optimizer_s, count),
      .scatter = scatter_of(steps.step_s),
      .memory_gib = steps.memory_gib};
}

PilotRecord read_pilot(const PlanFiles& files) {
  if (!fs::exists(files.pilot_plan(0)))
    throw FileError(
        fmt::format("{}: has no pilot.yaml (nothing to refine by); plan again with "
                    "planner plan",
                    files.plan.parent_path().string()));
  PilotRecord record;
  std::vector<LayoutRuns> layouts;
  for (std::size_t i = 0; fs::exists(files.pilot_plan(i)); ++i)
    add_run(layouts, record, read_train_config(ConfigNode::load(files.pilot_plan(i))), files);
  for (const LayoutRuns& runs : layouts)
    record.measurements.push_back(measure_pilot(runs.files, runs.config).value());
  if (record.measurements.empty()) throw FileError(record.unusable.front().reason);
  return record;
}

}  // namespace isoflop
