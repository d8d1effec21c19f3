// SPDX-License-Identifier: MIT
#pragma once

#include "planner/analysis/memory_study.hpp"

#include <string>

namespace isoflop {

/// The answer of `planner memory` for people. `gpu_how`: how the GPU's name was understood.
std::string describe_memory_study(const MemoryStudyRequest& request, const MemoryStudy& study,
                                  const std::string& gpu_how);

/// The same as one JSON document.
std::string memory_study_as_json(const MemoryStudyRequest& request, const MemoryStudy& study);

}  // namespace isoflop
