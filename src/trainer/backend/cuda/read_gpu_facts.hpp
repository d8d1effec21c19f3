// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/gpu_facts.hpp"

namespace isoflop {

/// Of the current device, whose number is `ordinal`.
GpuFacts read_gpu_facts(int ordinal);

}  // namespace isoflop
