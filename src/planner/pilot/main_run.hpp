// SPDX-License-Identifier: MIT
#pragma once

#include "planner/plan.hpp"
#include "planner/plan_folder.hpp"

namespace isoflop {

/// Throws FileError when the training that a folder plans has begun: a run file of its plan.yaml
/// is where its script puts them (the site's work_dir, else the working folder).
void refuse_after_start(const PlanFiles& files, const PlanRequest& request);

}  // namespace isoflop
