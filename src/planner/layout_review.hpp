// SPDX-License-Identifier: MIT
#pragma once

#include "planner/layout_search.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace isoflop {

/// Layouts that do not fit and whose largest term is the same.
struct RejectedLayouts {
  std::string_view largest_term;  ///< as kMemoryTerms names it
  int64_t layouts = 0;
  int64_t faster = 0;  ///< of them, those that would be faster than the choice
  /// The fastest of them: what more memory would give.
  LayoutCandidate fastest;
};

/// What became of the layouts of one model and batch.
struct LayoutReview {
  int64_t tried = 0;
  int64_t fitting = 0;
  std::vector<RejectedLayouts> rejected;  ///< in the order of kMemoryTerms
};

/// Looks again at every layout that the search looked at for `choice`: find_layout's, with what_if
/// find_what_if_layout's.
LayoutReview review_layouts(MemoryModel& memory, const LayoutRequest& request,
                            const MachineModel& machine, const MemoryCapacity& capacity,
                            const LayoutCandidate& choice, bool what_if);

}  // namespace isoflop
