// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace isoflop::fit {

/// A half-open, non-empty range of positions in a series.
struct Window {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// The mean of `values` over each window, on Kokkos' default execution space. Kokkos must be
/// initialized.
std::vector<double> window_means(std::span<const double> values, std::span<const Window> windows);

}  // namespace isoflop::fit
