// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/table/table.hpp"
#include "planner/plan.hpp"

#include <vector>

namespace isoflop {

/// Where the hours go: every part of TimeSplit that is not zero, and evaluations.
Table time_table(const Candidate& choice);

/// The designs that are nearly as good and what each saves. Without rows when there are none.
Table design_table(const Plan& plan);

/// The best of every partition, the choice first.
Table partition_table(const Plan& plan);

/// The Pareto fronts, for designs.csv.
Table front_table(const std::vector<FrontPoint>& front);

}  // namespace isoflop
