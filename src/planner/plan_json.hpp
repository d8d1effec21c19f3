// SPDX-License-Identifier: MIT
#pragma once

#include "planner/pilot/pilot_plan.hpp"
#include "planner/plan.hpp"

#include <string>

namespace isoflop {

/// Everything the summary says, as one document: what --json prints and plan.json holds. The same
/// for the same plan, to the byte. Unknown values and a pilot without runs are left out.
std::string plan_json(const Plan& plan, const PlanRequest& request, const PilotPlan& pilot);

/// First entry of the document; a folder whose plan.json has it may be overwritten.
inline constexpr const char* kPlanJsonSignature = "isoflop planner";

}  // namespace isoflop
