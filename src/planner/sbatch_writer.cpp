// SPDX-License-Identifier: MIT
#include "planner/sbatch_writer.hpp"

#include "core/parallel/checkpoint_size.hpp"
#include "planner/script_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace isoflop {

namespace {

using kainjow::mustache::data;

/// Of what the cluster file states, below which a node is bad: of a matrix rate, and of a link,
/// which an all-reduce of medium size does not fill.
constexpr double kFloorOfRate = 0.8;
constexpr double kFloorOfLink = 0.25;
/// What a preflight may take: a minute for the nodes, the rest to start the ranks.
constexpr double kPreflight_s = 600;

/// What the script needs to go on.
void add_chain(data& values, const Plan& plan, const ScriptContext& context) {
  const TrainConfig& config = plan.config;
  values.set("run", (config.run.out / config.run.name).string());
  values.set("checkpoints", config.checkpoint_folder().string());
  values.set("steps", std::to_string(config.schedule.steps));
  values.set("max_starts", std::to_string(max_starts(plan)));
  values.set("cancelled", (context.script_file.parent_path() / kCancelledName).string());
}

/// Of what trainer bench measured on a CPU device. 0 for GPUs, whose rates in the catalogue others
/// measured on larger products: they are compared with each other.
double floor_tflops(const Partition& partition, Precision precision) {
  if (has_gpus(partition)) return 0;
  return kFloorOfRate * partition.device.require_peak_dense_tflops(precision);
}

/// Of the slowest link that an all-reduce of the job crosses, a device's share of it.
double floor_link_gb_per_s(const Partition& partition, const JobSize& job) {
  if (job.devices() == 1) return 0;
  const double between = partition.inter_node_gb_per_s_per_node / job.devices_per_node;
  const double within = partition.intra_node_gb_per_s_per_device;
  if (job.nodes == 1) return kFloorOfLink * within;
  return kFloorOfLink * (job.devices_per_node == 1 ? between : std::min(within, between));
}

/// What a preflight compares with: room for the checkpoints that are kept and the one that is
/// being written, and rates.
void add_limits(data& values, const Plan& plan) {
  const TrainConfig& config = plan.config;
  const JobSize& job = plan.choice.job;
  const auto copies = static_cast<double>(config.checkpoint.keep + 1);
  constexpr int kFilesBesideRanks = 3;  // checkpoint.yaml, config.yaml, index
  values.set("checkpoints", config.checkpoint_folder().string());
  const auto bytes =
      static_cast<double>(checkpoint_bytes(plan.choice.shape, config.optimizer.kind));
  values.set("checkpoint_mib", fmt::format("{:.0f}", std::ceil(copies * bytes / (1024 * 1024))));
  values.set("checkpoint_files",
             fmt::format("{:.0f}", copies * (job.devices() + kFilesBesideRanks)));
  values.set("floor_tflops",
             fmt::format("{:.4g}", floor_tflops(*plan.choice.partition, plan.precision)));
  values.set("floor_link", fmt::format("{:.4g}", floor_link_gb_per_s(*plan.choice.partition, job)));
}

}  // namespace

int max_starts(const Plan& plan) {
  const TimeSplit& split = plan.choice.budget.split;
  constexpr int kSpare = 10;
  return plan.choice.partition->job.max_starts.value_or(
      split.jobs + kSpare + static_cast<int>(std::ceil(2 * split.expected_failures)));
}

std::optional<int64_t> signal_lead_s(const Budget& budget) {
  const bool is_chain = budget.split.jobs > 1;
  if (!is_chain && budget.rules.stop_s() > budget.split.margin_s) return std::nullopt;
  return static_cast<int64_t>(budget.rules.signal_lead_s);
}

std::string write_sbatch(const Plan& plan, const ScriptContext& context) {
  const Budget& budget = plan.choice.budget;
  data values = script_values(*plan.choice.partition, plan.choice.job,
                              {.script = context.script_file,
                               .name = plan.config.run.name,
                               .job_s = budget.split.job_s,
                               .signal_lead_s = signal_lead_s(budget),
                               .chain = plan.choice.partition->job.chain,
                               .plans = {context.plan_file}},
                              context);
  add_chain(values, plan, context);
  return render_script("train.sbatch", values, context);
}

std::string write_pilot_sbatch(const Plan& plan, const PilotPlan& pilot,
                               const std::vector<std::filesystem::path>& plan_files,
                               const ScriptContext& context) {
  data values = script_values(*plan.choice.partition, plan.choice.job,
                              {.script = context.pilot_script_file,
                               .name = pilot.runs.front().config.run.name,
                               .job_s = pilot.wall_s,
                               .signal_lead_s = std::nullopt,
                               .plans = plan_files},
                              context);
  set_flag(values, "pilot");
  return render_script("pilot.sbatch", values, context);
}

std::string write_preflight_sbatch(const Plan& plan, const PlanFiles& files,
                                   const ScriptContext& context) {
  data values = script_values(*plan.choice.partition, plan.choice.job,
                              {.script = files.preflight_script,
                               .name = plan.config.run.name + "-preflight",
                               .job_s = kPreflight_s,
                               .signal_lead_s = std::nullopt,
                               .plans = {context.plan_file}},
                              context);
  set_flag(values, "preflight");
  values.set("results", files.preflight_results.string());
  values.set("bad_nodes", files.bad_nodes.string());
  add_limits(values, plan);
  return render_script("preflight.sbatch", values, context);
}

}  // namespace isoflop
