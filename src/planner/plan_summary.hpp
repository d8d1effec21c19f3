// SPDX-License-Identifier: MIT
#pragma once

#include "planner/plan.hpp"

#include <string>

namespace isoflop {

/// The node groups of a cluster: each GPU as written, as matched and how, its memory and peak.
std::string describe_partitions(const Cluster& cluster, std::optional<Precision> precision);

/// The plan as people read it: job, time, model, data, layout, speed, loss, memory, notes.
std::string describe_plan(const Plan& plan, const PlanRequest& request);

/// The comment at the top of plan.yaml: what the plan is and where its hyper-parameters come from.
/// Begins with kPlanSignature.
std::string plan_header(const Plan& plan, const PlanRequest& request,
                        const std::string& provenance);

}  // namespace isoflop
