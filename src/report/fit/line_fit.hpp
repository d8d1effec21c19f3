// SPDX-License-Identifier: MIT
#pragma once

#include "report/fit/device_series.hpp"

namespace isoflop::fit {

/// Sums for the least-squares line through (x, y).
struct LineSums {
  double n = 0, x = 0, y = 0, xx = 0, xy = 0;

  KOKKOS_INLINE_FUNCTION void add(double x_value, double y_value) {
    n += 1;
    x += x_value;
    y += y_value;
    xx += x_value * x_value;
    xy += x_value * y_value;
  }
  /// False when all x are the same.
  KOKKOS_INLINE_FUNCTION bool has_slope() const { return n > 1 && n * xx - x * x > 1e-9 * n * n; }
  KOKKOS_INLINE_FUNCTION double slope() const { return (n * xy - x * y) / (n * xx - x * x); }
};

}  // namespace isoflop::fit
