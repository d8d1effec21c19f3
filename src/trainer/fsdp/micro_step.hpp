// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace isoflop {

/// Place of a micro step in its optimizer step.
struct MicroStep {
  int64_t index = 0;
  int64_t count = 1;
  bool is_first() const { return index == 0; }
  bool is_last() const { return index + 1 == count; }
};

}  // namespace isoflop
