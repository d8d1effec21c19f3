// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/json_writer.hpp"
#include "core/base/table/table.hpp"
#include "planner/pilot/refinement.hpp"

#include <span>
#include <string>
#include <vector>

namespace isoflop {

/// All that refine tells.
struct RefinementReport {
  const Plan& before;
  const Plan& after;
  std::span<const PilotComparison> comparisons;
  const SiteCalibration& site;
  std::vector<std::string> notes;  ///< sentences
};

/// What the pilot measured, against what was predicted, and the plan before and after.
std::string describe_refinement(const RefinementReport& report);

/// The same as one JSON document.
std::string refinement_json(const RefinementReport& report);

}  // namespace isoflop
