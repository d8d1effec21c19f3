// SPDX-License-Identifier: MIT
#pragma once

#include "core/run/run_records.hpp"
#include "trainer/step_io.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace isoflop {

/// Turns what a step left about each tensor into the rows of all and of each unit: gradients
/// without the loss scale and before clipping, parameters after the step and the change that it
/// made. In a skipped step the change is 0 and parameters are not looked at.
class GradientRows {
 public:
  /// `unit_of_tensor` maps each row of the statistics to its unit; replicas hold all parameters
  /// n_replica times.
  GradientRows(std::vector<int64_t> unit_of_tensor, int64_t n_parameter, int64_t n_replica);

  GradientRecord of_all(int64_t step, const StepReadback& readback) const;
  LayerNormRecord of_units(int64_t step, const StepReadback& readback) const;

 private:
  /// Roots of column `column` of (n_tensor, n_column) sums of squares over `divisor`, by unit.
  std::vector<float> norms_of_units(std::span<const double> squares, std::size_t n_column,
                                    std::size_t column, double divisor) const;

  std::vector<int64_t> unit_of_tensor_;
  double n_parameter_;
  double n_replica_;
};

}  // namespace isoflop
