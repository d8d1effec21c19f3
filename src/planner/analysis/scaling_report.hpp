// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/json_writer.hpp"
#include "planner/analysis/compute_budget.hpp"
#include "planner/analysis/law_comparison.hpp"

#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// All that `planner scaling` says.
struct ScalingReport {
  RunConstraints constraints;  ///< money and hours already turned into compute
  std::string reference;       ///< name of the law that judges the others
  std::optional<ComputeSource> source;
  std::optional<ComputeCost> cost;  ///< of the reference law's run; absent without `source`
  std::vector<LawAnswer> answers;   ///< the reference law's first
};

/// What it takes, the table of laws, the verdict on a given run, warnings.
std::string describe_scaling(const ScalingReport& report);

/// One JSON document.
std::string scaling_as_json(const ScalingReport& report);

}  // namespace isoflop
