// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>

namespace isoflop {

/// What this process holds of the node's memory, libraries and code included.
struct ResidentMemory {
  int64_t bytes = 0;  ///< now
  int64_t peak_bytes = 0;
};

/// From /proc/self/status; absent where there is none.
std::optional<ResidentMemory> resident_memory();

}  // namespace isoflop
