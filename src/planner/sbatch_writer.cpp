// SPDX-License-Identifier: MIT
#include "planner/sbatch_writer.hpp"

#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "core/parallel/checkpoint_size.hpp"
#include "planner/job_template.hpp"
#include "planner/nccl_reasons.hpp"
#include "planner/shell_quote.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace isoflop {

namespace {

using kainjow::mustache::data;

/// Of what the cluster file states, below which a node is bad: of a matrix rate, and of a link,
/// which an all-reduce of medium size does not fill.
constexpr double kFloorOfRate = 0.8;
constexpr double kFloorOfLink = 0.25;
/// What a preflight may take: a minute for the nodes, the rest to start the ranks.
constexpr double kPreflight_s = 600;

std::string gpu_option(const Partition& partition, int gpus_per_node) {
  if (partition.gpu_request == GpuRequest::gpus_per_node) {
    return fmt::format("--gpus-per-node={}", gpus_per_node);
  }
  const std::string type = partition.gres_type ? *partition.gres_type + ":" : "";
  return "--gres=" + sbatch_quote(fmt::format("gpu:{}{}", type, gpus_per_node), "gres");
}

/// The job's share of each node's memory, in Slurm's MiB; absent when the cluster file does not say
/// what a node has.
std::optional<std::string> memory_share(const Partition& partition, const JobSize& job) {
  if (!partition.mem_gb_per_node) return std::nullopt;
  const double share = static_cast<double>(job.devices_per_node) / partition.devices_per_node;
  const double mib = std::floor(*partition.mem_gb_per_node * 1e9 / (1024.0 * 1024.0) * share);
  return fmt::format("{:.0f}M", mib);
}

void add_site_option(data& options, const std::string& name,
                     const std::optional<std::string>& value) {
  if (value) options << data(fmt::format("--{}={}", name, sbatch_quote(*value, name)));
}

std::optional<std::string> comma_list(const std::vector<std::string>& texts) {
  if (texts.empty()) return std::nullopt;
  return fmt::format("{}", fmt::join(texts, ","));
}

/// "--name=value" with its value quoted.
std::string sbatch_option(const std::string& option) {
  const std::size_t equals = option.find('=');
  if (equals == std::string::npos) return option;
  return option.substr(0, equals + 1) + sbatch_quote(option.substr(equals + 1), option);
}

data site_options(const JobSettings& job) {
  data options(data::type::list);
  add_site_option(options, "account", job.account);
  add_site_option(options, "qos", job.qos);
  add_site_option(options, "constraint", job.constraint);
  add_site_option(options, "reservation", job.reservation);
  add_site_option(options, "switches", job.switches);
  add_site_option(options, "exclude", comma_list(job.exclude));
  add_site_option(options, "mail-user", job.mail_user);
  add_site_option(options, "mail-type", comma_list(job.mail_type));
  if (job.work_dir) add_site_option(options, "chdir", job.work_dir->string());
  for (const std::string& option : job.sbatch_options) options << data(sbatch_option(option));
  return options;
}

data text_list(const std::vector<std::string>& texts) {
  data list(data::type::list);
  for (const std::string& text : texts) list << data(text);
  return list;
}

/// Every variable of NCCL has a reason, its own or a known one.
std::string reason_for(const EnvironmentVariable& variable) {
  if (!variable.why.empty() || !variable.name.starts_with("NCCL_")) return variable.why;
  if (const auto known = nccl_reason(variable.name)) return std::string(*known);
  throw ConfigError(fmt::format(
      "environment: {} is set to '{}' without a reason (it changes how all ranks communicate); "
      "write {}: {{value: {}, why: ...}}",
      variable.name, variable.value, variable.name, variable.value));
}

void add_variable(data& list, const EnvironmentVariable& variable) {
  data entry;
  entry.set("name", variable.name);
  entry.set("value", variable.value);
  const std::string why = reason_for(variable);
  if (!why.empty()) entry.set("why", comment_text(why));
  list << entry;
}

bool has_gpus(const Partition& partition) { return partition.device.kind == DeviceClass::gpu; }

data environment_list(const Partition& partition) {
  const std::vector<EnvironmentVariable>& environment = partition.job.environment;
  data list(data::type::list);
  const bool says_debug = std::any_of(environment.begin(), environment.end(),
                                      [](const auto& entry) { return entry.name == "NCCL_DEBUG"; });
  if (has_gpus(partition) && !says_debug) add_variable(list, {"NCCL_DEBUG", "WARN"});
  for (const EnvironmentVariable& variable : environment) add_variable(list, variable);
  return list;
}

void set_flag(data& values, const std::string& name) {
  values.set(name, data(data::type::bool_true));
}

void add_resources(data& values, const Plan& plan) {
  const Partition& partition = *plan.choice.partition;
  const JobSize& job = plan.choice.job;
  values.set("partition", sbatch_quote(partition.slurm_partition, "slurm_partition"));
  values.set("nodes", std::to_string(job.nodes));
  values.set("tasks_per_node", std::to_string(job.devices_per_node));
  if (partition.gpu_request != GpuRequest::none) {
    values.set("gpu_request", gpu_option(partition, job.devices_per_node));
  }
  if (partition.cpus_per_node) {
    const int cpus = std::max(1, *partition.cpus_per_node / partition.devices_per_node);
    values.set("cpus_per_task", std::to_string(cpus));
  }
  if (job.whole_nodes(partition)) {
    set_flag(values, "whole_nodes");
  } else if (const auto memory = memory_share(partition, job)) {
    values.set("mem", *memory);
  }
}

/// What one script starts.
struct ScriptJob {
  std::filesystem::path script;
  std::string name;
  double job_s = 0;
  std::optional<int64_t> signal_lead_s;
  ChainMode chain = ChainMode::none;
  std::vector<std::filesystem::path> plans;
};

void add_times(data& values, const ScriptJob& job) {
  values.set("time", format_slurm_time(job.job_s));
  if (job.signal_lead_s) values.set("signal_lead", std::to_string(*job.signal_lead_s));
}

void add_provenance(data& values, const ScriptJob& job, const ScriptContext& context) {
  values.set("version", context.version);
  values.set("created", context.created);
  values.set("plan_comment", comment_text(job.plans.front().string()));
  values.set("script_comment", comment_text(shell_quote(job.script.string())));
  values.set("script_name", job.script.filename().string());
  values.set("cluster_comment", comment_text(context.cluster_file.string()));
  values.set("cluster_crc32", fmt::format("{:08x}", context.cluster_crc32));
}

void add_container(data& values, const Container& container) {
  set_flag(values, "container");
  set_flag(values, container.runtime == ContainerRuntime::pyxis ? "pyxis" : "apptainer");
  values.set("image", container.image);
  values.set("mounts", text_list(container.mounts));
  values.set("container_options", text_list(container.options));
}

void add_site(data& values, const Partition& partition) {
  const JobSettings& site = partition.job;
  values.set("site_options", site_options(site));
  values.set("srun_options", text_list(site.srun_options));
  values.set("modules", text_list(site.modules));
  values.set("environment", environment_list(partition));
  values.set("setup", text_list(site.setup));
  values.set("mpi", site.mpi);
  if (has_gpus(partition)) set_flag(values, "gpu");
  if (site.container) add_container(values, *site.container);
  if (site.export_environment == ExportMode::none) {
    set_flag(values, "export_none");
    set_flag(values, "login_shell");
  }
}

void add_commands(data& values, const ScriptJob& job, const JobSettings& site,
                  const ScriptContext& context) {
  values.set("job_name", sbatch_quote(job.name, "the run's name"));
  values.set("bin", site.container ? site.container->bin.string() : context.bin_dir.string());
  values.set("script", job.script.string());
  values.set("folder", job.script.parent_path().string());
  values.set("folder_comment", comment_text(job.script.parent_path().string()));
  std::vector<std::string> plans;
  for (const std::filesystem::path& plan : job.plans) plans.push_back(plan.string());
  values.set("plan", plans.front());
  values.set("plans", text_list(plans));
}

const char* flag_of(ChainMode chain) {
  switch (chain) {
    case ChainMode::requeue:
      return "requeue";
    case ChainMode::dependency:
      return "dependency";
    case ChainMode::array:
      return "array";
    case ChainMode::none:
      return "no_chain";
  }
  throw std::logic_error("a way to chain jobs without a name");
}

data script_values(const Plan& plan, const ScriptJob& job, const ScriptContext& context) {
  const Partition& partition = *plan.choice.partition;
  data values;
  add_provenance(values, job, context);
  add_resources(values, plan);
  add_times(values, job);
  add_site(values, partition);
  add_commands(values, job, partition.job, context);
  set_flag(values, flag_of(job.chain));
  return values;
}

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

std::string render(const std::string& name, data& values, const ScriptContext& context) {
  const JobTemplates templates(context.templates);
  values.set("templates_comment", comment_text(templates.description()));
  return templates.render(name, values);
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
  data values = script_values(plan,
                              {.script = context.script_file,
                               .name = plan.config.run.name,
                               .job_s = budget.split.job_s,
                               .signal_lead_s = signal_lead_s(budget),
                               .chain = plan.choice.partition->job.chain,
                               .plans = {context.plan_file}},
                              context);
  add_chain(values, plan, context);
  return render("train.sbatch", values, context);
}

std::string write_pilot_sbatch(const Plan& plan, const PilotPlan& pilot,
                               const std::vector<std::filesystem::path>& plan_files,
                               const ScriptContext& context) {
  data values = script_values(plan,
                              {.script = context.pilot_script_file,
                               .name = pilot.runs.front().config.run.name,
                               .job_s = pilot.wall_s,
                               .signal_lead_s = std::nullopt,
                               .plans = plan_files},
                              context);
  set_flag(values, "pilot");
  return render("pilot.sbatch", values, context);
}

std::string write_preflight_sbatch(const Plan& plan, const PlanFiles& files,
                                   const ScriptContext& context) {
  data values = script_values(plan,
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
  return render("preflight.sbatch", values, context);
}

}  // namespace isoflop
