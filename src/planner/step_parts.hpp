// SPDX-License-Identifier: MIT
#pragma once

#include "planner/step_time.hpp"

#include <string_view>
#include <vector>

namespace isoflop {

/// One cause of a step's time.
struct StepPart {
  std::string_view key;    ///< "matmul_s"
  std::string_view label;  ///< "matrix products"
  double seconds = 0;
};

/// The parts of StepTime::total() in the order of its members.
std::vector<StepPart> step_parts(const StepTime& step);

}  // namespace isoflop
