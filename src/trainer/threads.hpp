// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/comm/process_grid.hpp"

namespace isoflop {

/// CPU threads of this rank: OMP_NUM_THREADS, else SLURM_CPUS_PER_TASK, else an equal share of the
/// processors this process may use. Throws ConfigError when a variable holds no positive number.
int threads_of_rank(const RankInfo& info);

}  // namespace isoflop
