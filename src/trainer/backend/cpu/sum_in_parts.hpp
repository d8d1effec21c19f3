// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>

namespace isoflop {

/// Sum of part(first, n) over parts of [0, size), which threads take beside each other, up to
/// kGroup at a time; they are added in order, so that sums do not depend on threads.
template <typename Sum, typename Part>
Sum sum_in_parts(int64_t size, const Part& part) {
  constexpr int64_t kPart = 16384, kGroup = 256;
  Sum total;
  for (int64_t begin = 0; begin < size; begin += kGroup * kPart) {
    Sum parts[kGroup];
    const int64_t n_parts = std::min(kGroup, (size - begin + kPart - 1) / kPart);
#pragma omp parallel for schedule(static) if (n_parts > 1)
    for (int64_t i = 0; i < n_parts; ++i) {
      const int64_t first = begin + i * kPart;
      parts[i] = part(first, std::min(kPart, size - first));
    }
    for (int64_t i = 0; i < n_parts; ++i) total += parts[i];
  }
  return total;
}

}  // namespace isoflop
