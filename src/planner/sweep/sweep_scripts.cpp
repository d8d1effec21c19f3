// SPDX-License-Identifier: MIT
#include "planner/sweep/sweep_scripts.hpp"

#include "planner/script_values.hpp"
#include "planner/shell_quote.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

namespace fs = std::filesystem;
using kainjow::mustache::data;

/// Reading a few hundred run files and fitting them, with the bootstrap.
constexpr double kReport_s = 1800;

/// sbatch --output takes % for its own patterns.
std::string log_file(const fs::path& folder, const std::string& pattern) {
  std::string text;
  for (const char c : folder.string()) text += c == '%' ? std::string("%%") : std::string(1, c);
  return sbatch_quote(text + "/" + pattern, "the sweep's folder");
}

data member_of(const SweepRun& run, std::size_t index, const SweepFiles& files) {
  const TrainConfig& config = run.plan.config;
  data member;
  member.set("index", std::to_string(index));
  member.set("plan", plan_file_of(run, files).string());
  member.set("run", (config.run.out / config.run.name).string());
  member.set("checkpoints", config.checkpoint_folder().string());
  member.set("steps", std::to_string(config.schedule.steps));
  member.set("max_starts", std::to_string(max_starts(run.plan)));
  return member;
}

/// A job that trains nothing: one process without a GPU.
Partition without_gpus(const Partition& partition) {
  Partition plain = partition;
  plain.gpu_request = GpuRequest::none;
  return plain;
}

/// What both ways to tick say.
data tick_values(const Partition& partition, const std::string& name, const SweepFiles& files,
                 const ScriptContext& context) {
  constexpr double kTick_s = 600;
  Partition plain = without_gpus(partition);
  plain.job.container.reset();  // images have no sbatch
  data values = script_values(plain, {1, 1},
                              {.script = files.tick,
                               .name = name + "-tick",
                               .job_s = kTick_s,
                               .signal_lead_s = std::nullopt,
                               .plans = {files.manifest},
                               .program = "planner"},
                              context);
  set_flag(values, "tick");
  set_flag(values, "service");
  values.set("log", log_file(files.logs, name + "-tick.log"));
  return values;
}

/// The five fields of a crontab line.
std::string cron_fields(int every_minutes) {
  if (every_minutes < 60) return fmt::format("*/{} * * * *", every_minutes);
  if (every_minutes < 24 * 60) return fmt::format("0 */{} * * *", every_minutes / 60);
  return "0 0 * * *";
}

ChainMode chain_of(const Partition& partition) {
  return partition.job.chain == ChainMode::array ? ChainMode::none : partition.job.chain;
}

}  // namespace

fs::path plan_file_of(const SweepRun& run, const SweepFiles& files) {
  return files.plans / (run.name() + ".yaml");
}

std::string write_array_sbatch(const Sweep& sweep, std::size_t array, const std::string& name,
                               const SweepFiles& files, const ScriptContext& context) {
  const SweepArray& of = sweep.arrays[array];
  data values = script_values(*sweep.partition, of.job,
                              {.script = files.array_script(array),
                               .name = fmt::format("{}-a{}", name, array + 1),
                               .job_s = of.job_s,
                               .signal_lead_s = of.signal_lead_s,
                               .chain = chain_of(*sweep.partition),
                               .plans = {files.manifest}},
                              context);
  set_flag(values, "sweep");
  values.set("last_member", std::to_string(of.runs.size() - 1));
  values.set("max_running", std::to_string(of.max_running));
  values.set("log", log_file(files.logs, "%x-%A_%a.log"));
  values.set("cancelled", files.cancelled.string());
  data members(data::type::list);
  for (std::size_t i = 0; i < of.runs.size(); ++i)
    members << member_of(sweep.runs[of.runs[i]], i, files);
  values.set("members", members);
  return render_script("sweep.sbatch", values, context);
}

std::string write_report_sbatch(const Sweep& sweep, std::optional<SweepForm> form,
                                const std::string& name, const SweepFiles& files,
                                const ScriptContext& context) {
  data values = script_values(without_gpus(*sweep.partition), {1, 1},
                              {.script = files.report,
                               .name = name + "-report",
                               .job_s = kReport_s,
                               .signal_lead_s = std::nullopt,
                               .plans = {files.manifest},
                               .program = "report"},
                              context);
  set_flag(values, "report");
  set_flag(values, "service");
  values.set("log", log_file(files.logs, "%x-%j.log"));
  values.set("tables", files.tables.string());
  if (form) {
    values.set("law", files.law.string());
    values.set("form", std::string(enum_name(kSweepFormNames, *form)));
  }
  data members(data::type::list);
  for (std::size_t i = 0; i < sweep.runs.size(); ++i) members << member_of(sweep.runs[i], i, files);
  values.set("members", members);
  return render_script("report.sbatch", values, context);
}

std::string write_tick_sbatch(const Partition& partition, const std::string& name,
                              int every_minutes, const SweepFiles& files,
                              const ScriptContext& context) {
  data values = tick_values(partition, name, files, context);
  values.set("every_minutes", std::to_string(every_minutes));
  return render_script("tick.sbatch", values, context);
}

std::string write_scrontab(const Partition& partition, const std::string& name, int every_minutes,
                           const SweepFiles& files, const ScriptContext& context) {
  data values = tick_values(partition, name, files, context);
  values.set("cron", cron_fields(every_minutes));
  return render_script("sweep.scrontab", values, context);
}

}  // namespace isoflop
