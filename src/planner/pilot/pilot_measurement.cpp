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

std::string too_few_steps(const RunFile& file, const PlanFiles& files) {
  return fmt::format("{}: {} after {} steps (at least {} are needed); see its log, then {}",
                     file.path.string(), to_string(file.state), file.steps.size(),
                     kPilotWarmUpSteps + kFewestTimedSteps, submit_again(files));
}

/// Adds what the newest file of one run says, or why it says nothing.
void add_run(PilotRecord& record, const TrainConfig& config, const PlanFiles& files) {
  const std::vector<fs::path> starts = run_files(config.run.out, config.run.name);
  if (starts.empty()) {
    record.unusable.push_back(
        {fmt::format("{}: no run file of '{}' yet; {}", config.run.out.string(), config.run.name,
                     submit_again(files))});
    return;
  }
  const RunReadResult read = read_run(starts.back());
  if (const auto* const broken = std::get_if<UnreadableRun>(&read)) {
    record.unusable.push_back({broken->message});
    return;
  }
  const RunFile& file = std::get<RunFile>(read);
  if (!is_run_of(file, config)) {
    record.unusable.push_back(
        {fmt::format("{}: is of another plan than {}; {}", file.path.string(),
                     files.plan.parent_path().string(), submit_again(files))});
    return;
  }
  auto measurement = measure_pilot(file, config);
  if (!measurement) {
    record.unusable.push_back({too_few_steps(file, files)});
    return;
  }
  if (file.state != RunState::done)
    record.notes.push_back(fmt::format("{}: {} after {} of {} steps; those are used",
                                       file.path.filename().string(), to_string(file.state),
                                       file.steps.size(), config.schedule.steps));
  record.measurements.push_back(std::move(*measurement));
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

std::optional<PilotMeasurement> measure_pilot(const RunFile& file, const TrainConfig& config) {
  std::vector<double> step_s;
  std::vector<double> communication_s;
  std::vector<double> optimizer_s;
  std::optional<double> memory_gib;
  for (const StepRecord& step : file.steps) {
    if (step.mem_peak_gib)
      memory_gib = std::max(memory_gib.value_or(0), double{*step.mem_peak_gib});
    if (step.step <= kPilotWarmUpSteps || !step.step_s || *step.step_s <= 0) continue;
    step_s.push_back(*step.step_s);
    if (step.comm_s) communication_s.push_back(*step.comm_s);
    if (step.optimizer_s) optimizer_s.push_back(*step.optimizer_s);
  }
  if (step_s.size() < static_cast<std::size_t>(kFewestTimedSteps)) return std::nullopt;
  return PilotMeasurement{.file = file.path,
                          .config = config,
                          .layout = resolve_layout(config.layout, file.header.hardware.world_size),
                          .state = file.state,
                          .timed_steps = static_cast<int64_t>(step_s.size()),
                          .step_s = median(step_s),
                          .communication_s = median_of_all(communication_s, step_s.size()),
                          .optimizer_s = median_of_all(optimizer_s, step_s.size()),
                          .scatter = scatter_of(step_s),
                          .memory_gib = memory_gib};
}

PilotRecord read_pilot(const PlanFiles& files) {
  if (!fs::exists(files.pilot_plan(0)))
    throw FileError(
        fmt::format("{}: has no pilot.yaml (nothing to refine by); plan again with "
                    "planner plan",
                    files.plan.parent_path().string()));
  PilotRecord record;
  for (std::size_t i = 0; fs::exists(files.pilot_plan(i)); ++i)
    add_run(record, read_train_config(ConfigNode::load(files.pilot_plan(i))), files);
  if (record.measurements.empty()) throw FileError(record.unusable.front().reason);
  return record;
}

}  // namespace isoflop
