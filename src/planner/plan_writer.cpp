// SPDX-License-Identifier: MIT
#include "planner/plan_writer.hpp"

#include "core/base/build_info.hpp"
#include "core/base/format.hpp"
#include "core/base/text_file.hpp"
#include "core/data/checksum.hpp"
#include "planner/cluster_copy.hpp"
#include "planner/designs_plot.hpp"
#include "planner/plan_json.hpp"
#include "planner/plan_summary.hpp"
#include "planner/request_file.hpp"
#include "planner/sbatch_writer.hpp"

#include <fmt/format.h>

#include <cstdio>

namespace isoflop {

namespace {

namespace fs = std::filesystem;

/// The folder of this program, where trainer and report are too.
fs::path own_folder() { return fs::read_symlink("/proc/self/exe").parent_path(); }

ScriptContext context_of(const fs::path& cluster_file, const PlanRequest& request,
                         const PlanFiles& files) {
  ScriptContext context = script_context(cluster_file, request);
  context.plan_file = files.plan;
  context.script_file = files.script;
  context.pilot_script_file = files.pilot_script;
  return context;
}

/// What the trainer and Slurm take.
void write_job_files(const Plan& plan, const PlanRequest& request, const PlanFiles& files,
                     const ScriptContext& context) {
  const std::string script = write_sbatch(plan, context);
  write_text_file(context.plan_file,
                  write_train_config(plan.config, plan_header(plan, request, provenance(context))));
  write_text_file(context.script_file, script);
  write_text_file(files.preflight_script, write_preflight_sbatch(plan, files, context));
}

void remove_pilot(const PlanFiles& files) {
  for (std::size_t i = 0; fs::remove(files.pilot_plan(i)); ++i) continue;
  fs::remove(files.pilot_script);
  fs::remove(files.calibration);
}

}  // namespace

ScriptContext script_context(const fs::path& cluster_file, const PlanRequest& request) {
  return {.bin_dir = own_folder(),
          .cluster_file = fs::absolute(cluster_file).lexically_normal(),
          .cluster_crc32 = crc32_of(read_text_file(cluster_file)),
          .templates = request.cluster.templates,
          .version = build_text(),
          .created = utc_timestamp()};
}

std::string provenance(const ScriptContext& context) {
  return fmt::format("{} on {} from {} (crc32 {})", context.version, context.created,
                     context.cluster_file.string(), format_crc32(context.cluster_crc32));
}

std::vector<fs::path> write_plan(const Plan& plan, const PilotPlan& pilot,
                                 const PlanRequest& request, const fs::path& cluster_file,
                                 const PlanFiles& files) {
  std::vector<fs::path> written;
  if (plan.not_runnable.empty()) {
    write_job_files(plan, request, files, context_of(cluster_file, request, files));
    written = {files.plan, files.script, files.preflight_script};
  } else {
    fs::remove(files.plan);
    fs::remove(files.script);
    fs::remove(files.preflight_script);
  }
  write_text_file(files.json, plan_json(plan, request, pilot));
  written.push_back(files.json);
  const FrontFiles front = write_front(plan, files.designs);
  written.insert(written.end(), front.written.begin(), front.written.end());
  if (front.not_drawn) fmt::print(stderr, "no picture of the designs: {}\n", *front.not_drawn);
  return written;
}

std::vector<fs::path> write_pilot(const Plan& plan, const PilotPlan& pilot,
                                  const PlanRequest& request, const fs::path& cluster_file,
                                  const PlanFiles& files) {
  remove_pilot(files);
  if (pilot.runs.empty()) return {};
  const ScriptContext context = context_of(cluster_file, request, files);
  const std::string header =
      fmt::format("{} {}.\nA pilot of {}: times this layout for planner refine.", kPlanSignature,
                  provenance(context), request.name);
  std::vector<fs::path> written;
  for (const PilotRun& run : pilot.runs) {
    written.push_back(files.pilot_plan(written.size()));
    write_text_file(written.back(), write_train_config(run.config, header));
  }
  write_text_file(files.pilot_script, write_pilot_sbatch(plan, pilot, written, context));
  written.push_back(files.pilot_script);
  return written;
}

std::vector<fs::path> write_request_files(const Options& options, const PlanRequest& request,
                                          const fs::path& cluster_file, const PlanFiles& files) {
  const fs::path copy = copy_cluster_file(cluster_file, files.cluster);
  std::vector<std::pair<std::string, std::string>> given = options.given;
  std::erase_if(given, [](const auto& option) {
    return option.first == "cluster" || option.first == "name";
  });
  given.insert(given.begin(), {{"cluster", copy.filename().string()}, {"name", request.name}});
  const std::string header =
      fmt::format("{} {}: what was asked, for planner refine and planner plan --request.",
                  kPlanSignature, build_text());
  write_text_file(files.request, write_request(given, header));
  return {files.request, copy};
}

std::string list_written(const std::vector<fs::path>& written) {
  std::string text;
  for (const fs::path& file : written)
    text += fmt::format("{:<12}{}\n", text.empty() ? "Written" : "", file.string());
  return text;
}

fs::path short_path(const fs::path& path) {
  const fs::path relative = fs::relative(path);
  return relative.empty() || *relative.begin() == ".." ? path : relative;
}

}  // namespace isoflop
