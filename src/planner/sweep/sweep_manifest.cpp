// SPDX-License-Identifier: MIT
#include "planner/sweep/sweep_manifest.hpp"

#include "core/base/build_info.hpp"
#include "core/base/config_node.hpp"
#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "core/base/json_writer.hpp"
#include "planner/sweep/sweep_scripts.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

constexpr const char* kFormat = "isoflop-sweep";
constexpr int kVersion = 1;
/// How planner submit tells what is missing.
constexpr const char* kStateRule =
    "done: runs/NAME.status.json says so, or a checkpoint of the last step is there; waiting or "
    "running: squeue lists its script and member; else missing";

/// The array and the place in it of each run.
std::vector<std::pair<std::size_t, std::size_t>> places(const Sweep& sweep) {
  std::vector<std::pair<std::size_t, std::size_t>> of_runs(sweep.runs.size());
  for (std::size_t array = 0; array < sweep.arrays.size(); ++array)
    for (std::size_t member = 0; member < sweep.arrays[array].runs.size(); ++member)
      of_runs[sweep.arrays[array].runs[member]] = {array, member};
  return of_runs;
}

void write_settings(JsonWriter& json, const SweepSettings& settings) {
  json.begin_array();
  for (const auto& [option, value] : settings)
    json.begin_array(JsonLines::one).value(option).value(value).end_array();
  json.end_array();
}

void write_design(JsonWriter& json, const SweepRequest& request, const Sweep& sweep) {
  const SweepSpec& spec = request.spec;
  json.entry("partition", sweep.partition->name)
      .entry("slurm_partition", sweep.partition->slurm_partition)
      .entry("seeds", spec.n_seeds);
  if (!spec.is_ablation()) {
    json.entry("approach", enum_name(kSweepApproachNames, spec.approach))
        .entry("form", enum_name(kSweepFormNames, spec.form))
        .entry("budgets", spec.n_budgets)
        .entry("budget_factor", spec.budget_factor)
        .entry("sizes", spec.n_sizes);
    if (spec.approach != SweepApproach::grid) json.entry("size_factor", spec.size_factor);
  }
  json.key("tokens_per_param");
  if (spec.tokens_per_param)
    json.value(*spec.tokens_per_param);
  else
    json.null();
  json.key("varied").begin_object();
  for (const VariedKey& varied : spec.vary) {
    json.key(varied.key).begin_array(JsonLines::one);
    for (const std::string& value : varied.values) json.value(value);
    json.end_array();
  }
  json.end_object();
  json.entry("gpu_hours_allowed", request.device_hours)
      .entry("gpu_hours", sweep.device_hours)
      .entry("limited_by", sweep.limited_by)
      .entry("law", request.plan.law.name)
      .entry("law_applies", sweep.law_applies);
}

void write_precision(JsonWriter& json, const SweepRequest& request, const Sweep& sweep) {
  json.key("expected_precision");
  if (!sweep.precision) {
    json.null();
    return;
  }
  json.begin_object()
      .entry("exponent_of_params", sweep.precision->exponent)
      .entry("standard_deviation", sweep.precision->standard_deviation)
      .entry("loss_noise", request.loss_noise)
      .end_object();
}

void write_arrays(JsonWriter& json, const Sweep& sweep, const SweepFiles& files) {
  json.key("arrays").begin_array();
  for (std::size_t i = 0; i < sweep.arrays.size(); ++i) {
    const SweepArray& array = sweep.arrays[i];
    json.begin_object(JsonLines::one)
        .entry("script", files.array_script(i).string())
        .entry("nodes", array.job.nodes)
        .entry("devices_per_node", array.job.devices_per_node)
        .entry("job_s", array.job_s)
        .entry("runs", static_cast<int64_t>(array.runs.size()))
        .entry("max_running", array.max_running)
        .end_object();
  }
  json.end_array();
}

void write_run(JsonWriter& json, const SweepRun& run, std::pair<std::size_t, std::size_t> place,
               const SweepFiles& files) {
  const Candidate& choice = run.plan.choice;
  const TrainConfig& config = run.plan.config;
  json.begin_object(JsonLines::one)
      .entry("name", run.name())
      .entry("plan", plan_file_of(run, files).string())
      .entry("array", static_cast<int64_t>(place.first))
      .entry("member", static_cast<int64_t>(place.second))
      .entry("budget", run.point.budget)
      .entry("n_params", choice.n_params)
      .entry("n_tokens", choice.tokens.read)
      .entry("compute", choice.compute())
      .entry("model", choice.shape.name)
      .entry("seed", config.run.seed)
      .entry("lr", config.optimizer.lr)
      .entry("batch_tokens", config.tokens_per_step())
      .entry("steps", config.schedule.steps)
      .entry("gpus", choice.job.devices())
      .entry("gpu_hours", choice.device_hours());
  json.key("settings").begin_object(JsonLines::one);
  for (const auto& [key, value] : run.point.settings) json.entry(key, value);
  json.end_object().end_object();
}

ManifestRun read_run(const ConfigNode& node) {
  MapReader map(node);
  map.ignore_rest();
  return {map.required<std::string>("name"),
          map.required<std::filesystem::path>("plan"),
          static_cast<std::size_t>(map.required_at_least("array", 0)),
          static_cast<std::size_t>(map.required_at_least("member", 0)),
          map.required_at_least("steps", 1),
          map.required_positive("gpu_hours")};
}

int largest_job(const std::vector<ConfigNode>& arrays) {
  int most = 0;
  for (const ConfigNode& node : arrays) {
    MapReader map(node);
    map.ignore_rest();
    most = std::max(most, static_cast<int>(map.required_at_least("nodes", 1)));
  }
  return most;
}

}  // namespace

std::string sweep_json(const SweepRequest& request, const Sweep& sweep,
                       const SweepSettings& settings, const SweepFiles& files) {
  JsonWriter json;
  json.begin_object()
      .entry("format", kFormat)
      .entry("version", kVersion)
      .entry("written_by", "isoflop planner " + build_text())
      .entry("created", utc_timestamp())
      .entry("name", request.plan.name)
      .entry("data", sweep.runs.front().plan.config.data.path.string())
      .entry("state_rule", kStateRule);
  json.key("settings");
  write_settings(json, settings);
  write_design(json, request, sweep);
  write_precision(json, request, sweep);
  json.entry("one_array_at_a_time", sweep.one_array_at_a_time);
  write_arrays(json, sweep, files);
  json.key("runs").begin_array();
  const auto of_runs = places(sweep);
  for (std::size_t i = 0; i < sweep.runs.size(); ++i)
    write_run(json, sweep.runs[i], of_runs[i], files);
  json.end_array().end_object();
  return json.text();
}

SweepManifest read_manifest(const SweepFiles& files) {
  if (!std::filesystem::exists(files.manifest))
    throw FileError(
        fmt::format("{}: is not there; name the folder of a sweep, or make one with "
                    "planner sweep --out",
                    files.manifest.string()));
  const ConfigNode root = ConfigNode::load(files.manifest);
  MapReader map(root);
  const ConfigNode format = map.required_node("format");
  if (format.as<std::string>() != kFormat)
    format.fail(fmt::format("must be {}", kFormat), "name the folder of a sweep");
  SweepManifest manifest;
  manifest.name = map.required<std::string>("name");
  manifest.data = map.required<std::filesystem::path>("data");
  manifest.partition = map.required<std::string>("partition");
  manifest.slurm_partition = map.required<std::string>("slurm_partition");
  manifest.one_array_at_a_time = map.required<bool>("one_array_at_a_time");
  for (const ConfigNode& pair : map.required_node("settings").items())
    manifest.settings.emplace_back(pair.items().at(0).as<std::string>(),
                                   pair.items().at(1).as<std::string>());
  const std::vector<ConfigNode> arrays = map.required_node("arrays").items();
  for (const ConfigNode& node : arrays) {
    MapReader array(node);
    array.ignore_rest();
    manifest.arrays.push_back({array.required<std::filesystem::path>("script"),
                               static_cast<int>(array.required_at_least("max_running", 1))});
  }
  manifest.nodes_of_largest_job = largest_job(arrays);
  for (const ConfigNode& node : map.required_node("runs").items())
    manifest.runs.push_back(read_run(node));
  return manifest;
}

}  // namespace isoflop
