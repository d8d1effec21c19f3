// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <string>

namespace isoflop {

/// First words of every plan.yaml; a folder whose plan.yaml begins so may be overwritten.
inline constexpr const char* kPlanSignature = "Written by isoflop planner";

/// In the folder of a plan that `planner cancel` stopped: its jobs start nothing while it is there.
inline constexpr const char* kCancelledName = "cancelled";

/// The files of a plan.
struct PlanFiles {
  std::filesystem::path plan;               ///< plan.yaml
  std::filesystem::path script;             ///< train.sbatch
  std::filesystem::path json;               ///< plan.json
  std::filesystem::path designs;            ///< designs.csv
  std::filesystem::path cluster;            ///< cluster.yaml, a copy of the cluster file
  std::filesystem::path request;            ///< request.yaml: what was asked, for planner refine
  std::filesystem::path pilot_script;       ///< pilot.sbatch
  std::filesystem::path pilot_runs;         ///< pilot/, where its run files go
  std::filesystem::path calibration;        ///< calibration.yaml, which planner refine writes
  std::filesystem::path submissions;        ///< submitted.txt: each job submitted from here
  std::filesystem::path cancelled;          ///< kCancelledName
  std::filesystem::path preflight_script;   ///< preflight.sbatch
  std::filesystem::path preflight_results;  ///< preflight.txt, what the nodes said
  std::filesystem::path bad_nodes;          ///< bad_nodes.txt, which preflight.sbatch writes

  /// pilot.yaml, pilot-2.yaml, ...
  std::filesystem::path pilot_plan(std::size_t index) const;
};

/// Their paths, absolute.
PlanFiles plan_files_in(const std::filesystem::path& folder);

enum class Overwrite { own_plans, anything };

/// The files to write in `folder`, absolute. Writes nothing. Throws FileError when the folder holds
/// something other than a plan of ours, or is no folder, unless told to write there all the same;
/// files other than these are never touched.
PlanFiles choose_plan_files(const std::filesystem::path& folder, Overwrite overwrite);

}  // namespace isoflop
