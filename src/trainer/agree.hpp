// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/comm/process_grid.hpp"

#include <functional>
#include <string>

namespace isoflop {

/// Runs `work` on every rank and lets all of them fail together when one did: the first failing
/// rank throws its own error, the others a ReportedElsewhereError with the same exit code. `work`
/// must not hold collectives. Collective over all ranks. After such a failure every rank exits by
/// itself and nobody has to abort the job: see failed_together().
void run_on_all_ranks(Launch& launch, const std::function<void()>& work);

/// Rank 0's text on every rank. Collective over all ranks.
std::string text_of_first(std::string own, Launch& launch);

/// Whether run_on_all_ranks threw on this process.
bool failed_together();

}  // namespace isoflop
