// SPDX-License-Identifier: MIT
#include "planner/script_values.hpp"

#include "core/base/error.hpp"
#include "core/base/format.hpp"
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

data environment_list(const Partition& partition) {
  const std::vector<EnvironmentVariable>& environment = partition.job.environment;
  data list(data::type::list);
  const bool says_debug = std::any_of(environment.begin(), environment.end(),
                                      [](const auto& entry) { return entry.name == "NCCL_DEBUG"; });
  if (has_gpus(partition) && !says_debug) add_variable(list, {"NCCL_DEBUG", "WARN"});
  for (const EnvironmentVariable& variable : environment) add_variable(list, variable);
  return list;
}

void add_resources(data& values, const Partition& partition, const JobSize& job) {
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
  values.set("program", job.program);
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

}  // namespace

bool has_gpus(const Partition& partition) { return partition.device.kind == DeviceClass::gpu; }

void set_flag(data& values, const std::string& name) {
  values.set(name, data(data::type::bool_true));
}

data script_values(const Partition& partition, const JobSize& size, const ScriptJob& job,
                   const ScriptContext& context) {
  data values;
  add_provenance(values, job, context);
  add_resources(values, partition, size);
  add_times(values, job);
  add_site(values, partition);
  add_commands(values, job, partition.job, context);
  set_flag(values, flag_of(job.chain));
  return values;
}

std::string render_script(const std::string& name, data& values, const ScriptContext& context) {
  const JobTemplates templates(context.templates);
  values.set("templates_comment", comment_text(templates.description()));
  return templates.render(name, values);
}

}  // namespace isoflop
