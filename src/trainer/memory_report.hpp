// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/memory_model.hpp"
#include "trainer/session.hpp"
#include "trainer/telemetry/resident_memory.hpp"

#include <optional>
#include <string>

namespace isoflop {

/// What a rank of this run allocates.
MemoryEstimate predicted_memory(const TrainConfig& config, const Layout& layout,
                                const Backend& backend);

/// One line on this rank's memory after a run: predicted, allocated at most, and what the process
/// held at most, with what it held before the session was built (`at_start`).
std::string memory_report(Session& session, const std::optional<ResidentMemory>& at_start);

}  // namespace isoflop
