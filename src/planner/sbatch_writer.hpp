// SPDX-License-Identifier: MIT
#pragma once

#include "planner/pilot/pilot_plan.hpp"
#include "planner/plan.hpp"
#include "planner/plan_folder.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace isoflop {

/// What a job script says beside the plan; paths absolute.
struct ScriptContext {
  std::filesystem::path plan_file = {};
  std::filesystem::path script_file = {};
  std::filesystem::path pilot_script_file = {};
  std::filesystem::path bin_dir;  ///< of trainer and report, unless $ISOFLOP_BIN names another
  std::filesystem::path cluster_file;
  uint32_t cluster_crc32 = 0;
  std::optional<std::filesystem::path> templates = std::nullopt;  ///< the site's folder of them
  std::string version;
  std::string created;  ///< UTC
};

/// Seconds before the time limit at which the trainer is told to stop; absent for a single job
/// where that would cut into the time that the plan needs.
std::optional<int64_t> signal_lead_s(const Budget& budget);

/// Most starts that one submission leads to.
int max_starts(const Plan& plan);

/// The text of DIR/train.sbatch, from slurm/templates/train.sbatch.mustache. Values of the cluster
/// file are quoted for where they stand, except `setup`, which is shell by definition. Throws
/// ConfigError for values that no script can hold, FileError without the template.
std::string write_sbatch(const Plan& plan, const ScriptContext& context);

/// The text of DIR/pilot.sbatch, from pilot.sbatch.mustache: the runs of the pilot one after the
/// other, whatever becomes of the one before. `plan_files` are theirs.
std::string write_pilot_sbatch(const Plan& plan, const PilotPlan& pilot,
                               const std::vector<std::filesystem::path>& plan_files,
                               const ScriptContext& context);

/// The text of DIR/preflight.sbatch, from preflight.sbatch.mustache: looks at every node of the
/// job's size and notes the bad ones.
std::string write_preflight_sbatch(const Plan& plan, const PlanFiles& files,
                                   const ScriptContext& context);

}  // namespace isoflop
