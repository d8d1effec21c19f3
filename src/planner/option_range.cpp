// SPDX-License-Identifier: MIT
#include "planner/option_range.hpp"

#include "core/base/error.hpp"

#include <fmt/format.h>

namespace isoflop {

void require_in_range(const char* option, int64_t value, int64_t most) {
  if (value < 1 || value > most)
    throw ConfigError(fmt::format("{} is {} (must be 1 to {})", option, value, most));
}

}  // namespace isoflop
