// SPDX-License-Identifier: MIT
#include "planner/sweep/sweep_folder.hpp"

#include "planner/plan_folder.hpp"

#include <fmt/format.h>

namespace isoflop {

namespace fs = std::filesystem;

fs::path SweepFiles::array_script(std::size_t index) const {
  return folder / fmt::format("array-{}.sbatch", index + 1);
}

SweepFiles sweep_files_in(const fs::path& folder) {
  fs::path absolute = fs::absolute(folder / "").lexically_normal().parent_path();
  return {.folder = absolute,
          .manifest = absolute / "sweep.json",
          .cluster = absolute / "cluster.yaml",
          .plans = absolute / "plans",
          .runs = absolute / "runs",
          .logs = absolute / "logs",
          .report = absolute / "report.sbatch",
          .tables = absolute / "report.txt",
          .law = absolute / "law.yaml",
          .tick = absolute / "tick.sbatch",
          .scrontab = absolute / "sweep.scrontab",
          .schedule = absolute / "schedule.yaml",
          .ledger = absolute / "ledger.txt",
          .submissions = absolute / "submitted.txt",
          .cancelled = absolute / kCancelledName,
          .bad_nodes = absolute / "bad_nodes.txt",
          .unfinished = absolute / ".unfinished"};
}

bool is_sweep_folder(const fs::path& folder) {
  return fs::is_regular_file(sweep_files_in(folder).manifest);
}

}  // namespace isoflop
