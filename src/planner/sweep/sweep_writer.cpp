// SPDX-License-Identifier: MIT
#include "planner/sweep/sweep_writer.hpp"

#include "core/base/error.hpp"
#include "core/base/file_failure.hpp"
#include "core/base/text_file.hpp"
#include "planner/cluster_copy.hpp"
#include "planner/plan_summary.hpp"
#include "planner/plan_writer.hpp"
#include "planner/sweep/sweep_scripts.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

/// The first option that differs, for people.
std::string difference(const SweepSettings& before, const SweepSettings& now) {
  for (const auto& [option, value] : now) {
    const auto same = std::find(before.begin(), before.end(), std::pair(option, value));
    if (same == before.end()) return fmt::format("it was not made with {} {}", option, value);
  }
  for (const auto& [option, value] : before) {
    const auto same = std::find(now.begin(), now.end(), std::pair(option, value));
    if (same == now.end()) return fmt::format("it was made with {} {}", option, value);
  }
  return "its options stood in another order";
}

}  // namespace

bool holds_sweep(const SweepFiles& files, const SweepSettings& settings) {
  if (!fs::exists(files.folder)) return false;
  if (!fs::is_directory(files.folder))
    throw FileError(
        fmt::format("{}: is not a folder; name another with --out", files.folder.string()));
  if (fs::exists(files.unfinished)) fs::remove_all(files.folder);
  if (!fs::exists(files.folder) || fs::is_empty(files.folder)) return false;
  if (!fs::exists(files.manifest))
    throw FileError(fmt::format("{}: holds files that are no sweep; name another folder with --out",
                                files.folder.string()));
  const SweepSettings before = read_manifest(files).settings;
  if (before == settings) return true;
  throw FileError(
      fmt::format("{}: holds a sweep of other settings ({}); name another folder with "
                  "--out",
                  files.folder.string(), difference(before, settings)));
}

std::vector<fs::path> write_sweep(const SweepRequest& request, const Sweep& sweep,
                                  const SweepSettings& settings, const ClusterSource& cluster,
                                  const SweepFiles& files) {
  write_text_file(files.unfinished, "");
  if (cluster.detected) write_text_file(files.cluster, *cluster.detected);
  const fs::path& cluster_file = cluster.detected ? files.cluster : cluster.file;
  const ScriptContext context = script_context(cluster_file, request.plan);
  std::vector<std::pair<fs::path, std::string>> texts;
  for (const SweepRun& run : sweep.runs)
    texts.emplace_back(plan_file_of(run, files),
                       write_train_config(run.plan.config, plan_header(run.plan, request.plan,
                                                                       provenance(context))));
  std::vector<fs::path> written = {files.manifest};
  for (std::size_t i = 0; i < sweep.arrays.size(); ++i) {
    texts.emplace_back(files.array_script(i),
                       write_array_sbatch(sweep, i, request.plan.name, files, context));
    written.push_back(files.array_script(i));
  }
  const SweepSpec& spec = request.spec;
  const auto form = spec.is_ablation() ? std::nullopt : std::optional(spec.form);
  texts.emplace_back(files.report,
                     write_report_sbatch(sweep, form, request.plan.name, files, context));
  written.push_back(files.report);
  for (const auto& [file, text] : texts) write_text_file(file, text);
  for (const fs::path& folder : {files.logs, files.runs}) fs::create_directories(folder);
  copy_cluster_file(cluster_file, files.cluster);
  write_text_file(files.manifest, sweep_json(request, sweep, settings, files));
  fs::remove(files.unfinished);
  return written;
}

}  // namespace isoflop
