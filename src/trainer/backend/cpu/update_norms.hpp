// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/tensor/tensor_view.hpp"

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

}  // namespace isoflop
