// SPDX-License-Identifier: MIT
#pragma once

#include <span>

namespace isoflop {

struct CodePointRange {
  char32_t first;
  char32_t last;  ///< included
};

/// Sorted, of Unicode 16.0, the version of tiktoken 0.8 to 0.14: general categories L* and N*, and
/// the property White_Space.
std::span<const CodePointRange> letter_ranges();
std::span<const CodePointRange> number_ranges();
std::span<const CodePointRange> space_ranges();

}  // namespace isoflop
