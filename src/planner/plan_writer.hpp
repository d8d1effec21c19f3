// SPDX-License-Identifier: MIT
#pragma once

#include "planner/options.hpp"
#include "planner/pilot/pilot_plan.hpp"
#include "planner/plan.hpp"
#include "planner/plan_folder.hpp"
#include "planner/sbatch_writer.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace isoflop {

/// What every script of a cluster says; the files of the plan are left open.
ScriptContext script_context(const std::filesystem::path& cluster_file, const PlanRequest& request);

/// Who wrote a plan, when and from what.
std::string provenance(const ScriptContext& context);

/// Writes plan.json, which describes the pilot too, designs.csv where losses are compared, and, of
/// a plan that the trainer can run, plan.yaml and train.sbatch, which else do not stay from an
/// earlier plan. Returns what was written.
std::vector<std::filesystem::path> write_plan(const Plan& plan, const PilotPlan& pilot,
                                              const PlanRequest& request,
                                              const std::filesystem::path& cluster_file,
                                              const PlanFiles& files);

/// Writes the pilot's configurations and its script; what an earlier plan's pilot was and what was
/// learnt from it does not stay. Run files do. Returns what was written.
std::vector<std::filesystem::path> write_pilot(const Plan& plan, const PilotPlan& pilot,
                                               const PlanRequest& request,
                                               const std::filesystem::path& cluster_file,
                                               const PlanFiles& files);

/// Writes what was asked, with a copy of the cluster file: planner plan --request request.yaml
/// plans the same again. Returns what was written.
std::vector<std::filesystem::path> write_request_files(const Options& options,
                                                       const PlanRequest& request,
                                                       const std::filesystem::path& cluster_file,
                                                       const PlanFiles& files);

/// "Written     /home/ada/plans/x/plan.yaml ...", a line each.
std::string list_written(const std::vector<std::filesystem::path>& written);

/// Relative to the working folder where the path lies below it.
std::filesystem::path short_path(const std::filesystem::path& path);

}  // namespace isoflop
