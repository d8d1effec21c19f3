// SPDX-License-Identifier: MIT
#pragma once

#include "planner/candidate_search.hpp"

#include <string>
#include <vector>

namespace isoflop {

/// Why nothing can be planned, in one line: for memory the term that is too large, its bytes and
/// the capacity of the attempt that came nearest, and what would help. `shortfalls` must not be
/// empty.
std::string explain_nothing_fits(const std::vector<Shortfall>& shortfalls, const Goals& goals);

}  // namespace isoflop
