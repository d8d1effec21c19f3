// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/comm/process_grid.hpp"
#include "trainer/options.hpp"

namespace isoflop {

/// Measures what one rank of this launch reaches, all ranks at once, and prints it as a device of a
/// cluster file. Collective.
int run_bench(const TrainerOptions& options, Launch& launch);

}  // namespace isoflop
