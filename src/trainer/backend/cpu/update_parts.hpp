// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/tensor/tensor_view.hpp"

#include <algorithm>
#include <cstdint>

namespace isoflop {

/// Sums of squares of parameters after an update, and of what it changed.
struct UpdateNorms {
  double params = 0, change = 0;

  UpdateNorms& operator+=(const UpdateNorms& other) {
    params += other.params;
    change += other.change;
    return *this;
  }
};

/// norms (n_tensor, 2) f64 +=, in the row of `tensor`.
inline void add_norms(const TensorView& norms, int64_t tensor, const UpdateNorms& of_segment) {
  norms.as<double>()[2 * tensor] += of_segment.params;
  norms.as<double>()[2 * tensor + 1] += of_segment.change;
}

/// Sum of update(first, n) over parts of [0, size), which threads take beside each other, up to
/// kGroup at a time; the parts are added in order, so that norms do not depend on threads.
template <typename Update>
UpdateNorms update_in_parts(int64_t size, const Update& update) {
  constexpr int64_t kPart = 16384, kGroup = 256;
  UpdateNorms total;
  for (int64_t begin = 0; begin < size; begin += kGroup * kPart) {
    UpdateNorms parts[kGroup];
    const int64_t n_parts = std::min(kGroup, (size - begin + kPart - 1) / kPart);
#pragma omp parallel for schedule(static) if (n_parts > 1)
    for (int64_t i = 0; i < n_parts; ++i) {
      const int64_t first = begin + i * kPart;
      parts[i] = update(first, std::min(kPart, size - first));
    }
    for (int64_t i = 0; i < n_parts; ++i) total += parts[i];
  }
  return total;
}

}  // namespace isoflop
