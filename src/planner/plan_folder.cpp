// SPDX-License-Identifier: MIT
#include "planner/plan_folder.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "planner/plan_json.hpp"

#include <fmt/format.h>

namespace isoflop {

namespace fs = std::filesystem;

namespace {

bool begins_with(const fs::path& file, const std::string& signature) {
  return fs::is_regular_file(file) && read_text_file(file).starts_with(signature);
}

/// A plan, or one that the trainer cannot run, which has no plan.yaml.
bool is_own_plan(const PlanFiles& files) {
  if (fs::exists(files.plan)) return begins_with(files.plan, std::string("# ") + kPlanSignature);
  return begins_with(files.json, fmt::format("{{\n  \"written_by\": \"{}\"", kPlanJsonSignature));
}

}  // namespace

fs::path PlanFiles::pilot_plan(std::size_t index) const {
  const std::string name = index == 0 ? "pilot.yaml" : fmt::format("pilot-{}.yaml", index + 1);
  return plan.parent_path() / name;
}

PlanFiles plan_files_in(const fs::path& folder) {
  const fs::path absolute = fs::absolute(folder).lexically_normal();
  return {.plan = absolute / "plan.yaml",
          .script = absolute / "train.sbatch",
          .json = absolute / "plan.json",
          .designs = absolute / "designs.csv",
          .cluster = absolute / "cluster.yaml",
          .request = absolute / "request.yaml",
          .pilot_script = absolute / "pilot.sbatch",
          .pilot_runs = absolute / "pilot",
          .calibration = absolute / "calibration.yaml",
          .submissions = absolute / "submitted.txt",
          .cancelled = absolute / kCancelledName,
          .preflight_script = absolute / "preflight.sbatch",
          .preflight_results = absolute / "preflight.txt",
          .bad_nodes = absolute / "bad_nodes.txt"};
}

PlanFiles choose_plan_files(const fs::path& folder, Overwrite overwrite) {
  const PlanFiles files = plan_files_in(folder);
  const fs::path absolute = files.plan.parent_path();
  if (!fs::exists(absolute)) return files;
  if (!fs::is_directory(absolute)) {
    throw FileError(fmt::format("{}: is not a folder; name another with --out", folder.string()));
  }
  if (fs::is_empty(absolute) || is_own_plan(files) || overwrite == Overwrite::anything) {
    return files;
  }
  throw FileError(fmt::format(
      "{}: holds files that are no plan of ours; name another folder with --out, or write "
      "plan.yaml and train.sbatch there all the same with --force",
      folder.string()));
}

}  // namespace isoflop
