// SPDX-License-Identifier: MIT
#include "planner/plan_folder.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"

#include <fmt/format.h>

namespace isoflop {

namespace fs = std::filesystem;

namespace {

bool is_own_plan(const fs::path& plan) {
  return fs::is_regular_file(plan) &&
         read_text_file(plan).starts_with(std::string("# ") + kPlanSignature);
}

}  // namespace

PlanFiles choose_plan_files(const fs::path& folder, Overwrite overwrite) {
  const fs::path absolute = fs::absolute(folder).lexically_normal();
  const PlanFiles files{absolute / "plan.yaml", absolute / "train.sbatch"};
  if (!fs::exists(absolute)) return files;
  if (!fs::is_directory(absolute)) {
    throw FileError(fmt::format("{}: is not a folder; name another with --out", folder.string()));
  }
  if (fs::is_empty(absolute) || is_own_plan(files.plan) || overwrite == Overwrite::anything) {
    return files;
  }
  throw FileError(fmt::format(
      "{}: holds files that are no plan of ours; name another folder with --out, or write "
      "plan.yaml and train.sbatch there all the same with --force",
      folder.string()));
}

}  // namespace isoflop
