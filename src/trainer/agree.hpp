// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/comm/process_grid.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

namespace isoflop {

/// Runs `work` on every rank and lets all of them fail together when one did: the first failing
/// rank throws its own error, the others a ReportedElsewhereError with the same exit code. `work`
/// must not hold collectives. Collective over all ranks. After such a failure every rank exits by
/// itself and nobody has to abort the job: see failed_together().
void run_on_all_ranks(Launch& launch, const std::function<void()>& work);

/// Rank 0's string or vector of plain values on every rank. Collective over all ranks.
template <typename List>
List list_of_first(List own, Launch& launch) {
  auto n = static_cast<int64_t>(own.size());
  launch.broadcast_from_first(std::as_writable_bytes(std::span(&n, 1)));
  own.resize(static_cast<std::size_t>(n));
  if (n > 0) launch.broadcast_from_first(std::as_writable_bytes(std::span(own)));
  return own;
}

/// Whether run_on_all_ranks threw on this process.
bool failed_together();

}  // namespace isoflop
