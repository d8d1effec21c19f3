// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/tensor/tensor_view.hpp"

namespace isoflop {

/// What a step finds out about each tensor of the model; device memory, f64. Of this rank's shard
/// until it is reduced: sums by the optimizer, extremes and norms at the end of the step (StepIo).
struct TensorStatistics {
  TensorView sums;      // (n_tensor, 3) of the gradients: sum, sum of squares, non-finite count
  TensorView extremes;  // (n_tensor, 2) of the gradients: -min, max
  /// (n_tensor, 2): sums of squares of the parameters after the update and of their change; += by
  /// the update, nothing in a skipped step.
  TensorView norms;
};

}  // namespace isoflop
