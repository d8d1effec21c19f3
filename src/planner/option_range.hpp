// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace isoflop {

/// Throws ConfigError naming the option unless 1 <= value <= most.
void require_in_range(const char* option, int64_t value, int64_t most);

}  // namespace isoflop
