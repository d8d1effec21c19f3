// SPDX-License-Identifier: MIT
#pragma once

#include "planner/analysis/mfu_analysis.hpp"

#include <string>

namespace isoflop {

/// The answer of `planner mfu` for people. `gpu_how`: how the GPU's name was understood.
std::string describe_mfu(const MfuRequest& request, const MfuAnalysis& analysis,
                         const std::string& gpu_how);

/// The same as one JSON document.
std::string mfu_as_json(const MfuRequest& request, const MfuAnalysis& analysis);

}  // namespace isoflop
