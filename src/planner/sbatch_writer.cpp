// SPDX-License-Identifier: MIT
#include "planner/sbatch_writer.hpp"

#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "core/base/text_file.hpp"
#include "planner/shell_quote.hpp"

#include <fmt/format.h>

#include <cmath>
#include <kainjow/mustache.hpp>

namespace isoflop {

namespace {

using kainjow::mustache::data;

std::filesystem::path template_file() {
  return data_dir().parent_path() / "slurm" / "templates" / "train.sbatch.mustache";
}

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

data site_options(const JobSettings& job) {
  data options(data::type::list);
  add_site_option(options, "account", job.account);
  add_site_option(options, "qos", job.qos);
  add_site_option(options, "constraint", job.constraint);
  add_site_option(options, "reservation", job.reservation);
  if (job.work_dir) add_site_option(options, "chdir", job.work_dir->string());
  return options;
}

data text_list(const std::vector<std::string>& texts) {
  data list(data::type::list);
  for (const std::string& text : texts) list << data(text);
  return list;
}

data environment_list(const std::vector<std::pair<std::string, std::string>>& environment) {
  data list(data::type::list);
  for (const auto& [name, value] : environment) {
    data entry;
    entry.set("name", name);
    entry.set("value", value);
    list << entry;
  }
  return list;
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
    values.set("whole_nodes", data(data::type::bool_true));
  } else if (const auto memory = memory_share(partition, job)) {
    values.set("mem", *memory);
  }
}

/// What one script starts.
struct ScriptJob {
  std::filesystem::path script;
  std::string name;
  double wall_s = 0;
  std::optional<int64_t> signal_lead_s;
  std::vector<std::filesystem::path> plans;
  std::filesystem::path run_files;  ///< without ".s000.h5"
};

void add_times(data& values, const ScriptJob& job) {
  values.set("time", format_slurm_time(job.wall_s));
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

void add_site(data& values, const JobSettings& site) {
  values.set("site_options", site_options(site));
  values.set("modules", text_list(site.modules));
  values.set("environment", environment_list(site.environment));
  values.set("setup", text_list(site.setup));
  values.set("mpi", site.mpi);
}

void add_commands(data& values, const ScriptJob& job, const ScriptContext& context) {
  values.set("job_name", sbatch_quote(job.name, "the run's name"));
  values.set("bin", context.bin_dir.string());
  std::vector<std::string> plans;
  for (const std::filesystem::path& plan : job.plans) plans.push_back(plan.string());
  values.set("plan", plans.front());
  values.set("plans", text_list(plans));
  values.set("run_files", job.run_files.string());
}

data script_values(const Plan& plan, const ScriptJob& job, const ScriptContext& context) {
  data values;
  add_provenance(values, job, context);
  add_resources(values, plan);
  add_times(values, job);
  add_site(values, plan.choice.partition->job);
  add_commands(values, job, context);
  return values;
}

/// Where a section of the template is left out, the blank lines around it meet.
std::string squeeze_blank_lines(std::string text) {
  for (auto at = text.find("\n\n\n"); at != std::string::npos; at = text.find("\n\n\n", at)) {
    text.erase(at, 1);
  }
  return text;
}

std::string render(const data& values) {
  kainjow::mustache::mustache script(read_text_file(template_file()));
  if (!script.is_valid()) {
    throw FileError(fmt::format("{}: is no valid template ({})", template_file().string(),
                                script.error_message()));
  }
  script.set_custom_escape(shell_quote);
  return squeeze_blank_lines(script.render(values));
}

}  // namespace

std::optional<int64_t> signal_lead_s(const Budget& budget, double step_s) {
  constexpr double kSlop = 60;       // closing files, slow ranks
  constexpr double kEarliness = 60;  // Slurm may send the signal this much before its time
  const double lead = std::ceil(kSlop + 2 * step_s);
  if (lead + kEarliness > budget.split.margin_s) return std::nullopt;
  return static_cast<int64_t>(lead);
}

std::string write_sbatch(const Plan& plan, const ScriptContext& context) {
  const Budget& budget = plan.choice.budget;
  return render(
      script_values(plan,
                    {.script = context.script_file,
                     .name = plan.config.run.name,
                     .wall_s = budget.wall_s,
                     .signal_lead_s = signal_lead_s(budget, plan.choice.layout.step_time.total()),
                     .plans = {context.plan_file},
                     .run_files = plan.config.run.out / plan.config.run.name},
                    context));
}

std::string write_pilot_sbatch(const Plan& plan, const PilotPlan& pilot,
                               const std::vector<std::filesystem::path>& plan_files,
                               const ScriptContext& context) {
  const RunOptions& first = pilot.runs.front().config.run;
  data values = script_values(plan,
                              {.script = context.pilot_script_file,
                               .name = first.name,
                               .wall_s = pilot.wall_s,
                               .signal_lead_s = std::nullopt,
                               .plans = plan_files,
                               .run_files = first.out / first.name},
                              context);
  values.set("pilot", data(data::type::bool_true));
  values.set("folder", context.pilot_script_file.parent_path().string());
  return render(values);
}

}  // namespace isoflop
