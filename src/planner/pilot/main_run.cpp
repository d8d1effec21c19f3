// SPDX-License-Identifier: MIT
#include "planner/pilot/main_run.hpp"

#include "core/base/error.hpp"
#include "planner/pilot/pilot_measurement.hpp"

#include <fmt/format.h>

#include <optional>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

/// Where jobs of the request's partitions put run files.
std::vector<fs::path> run_folders(const fs::path& out, const PlanRequest& request) {
  std::vector<fs::path> folders = {out};
  for (const Partition& partition : request.cluster.partitions) {
    if (partition.job.work_dir) folders.push_back(*partition.job.work_dir / out);
  }
  return folders;
}

/// The newest run file of the plan, not of an earlier one of the same name.
std::optional<fs::path> begun_run(const fs::path& folder, const TrainConfig& config) {
  const std::vector<fs::path> starts = run_files(folder, config.run.name);
  if (starts.empty()) return std::nullopt;
  const RunReadResult read = read_run(starts.back());
  const auto* const file = std::get_if<RunFile>(&read);
  if (file == nullptr || !is_run_of(*file, config)) return std::nullopt;
  return starts.back();
}

}  // namespace

void refuse_after_start(const PlanFiles& files, const PlanRequest& request) {
  if (!fs::exists(files.plan)) return;
  const TrainConfig config = read_train_config(ConfigNode::load(files.plan));
  for (const fs::path& folder : run_folders(config.run.out, request)) {
    if (const auto begun = begun_run(folder, config))
      throw FileError(
          fmt::format("{}: the training of this plan has begun; plan into another "
                      "folder with planner plan --out, or refine with --force",
                      begun->string()));
  }
}

}  // namespace isoflop
