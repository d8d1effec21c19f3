// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace isoflop::fit {

struct SeriesStatistics {
  std::size_t count = 0;
  double mean = 0;
  std::optional<double> std{};  ///< sample standard deviation (n - 1); absent for one value
  double median = 0;            ///< mean of the two middle values when count is even
  double max = 0;
};

/// Two passes on Kokkos' default execution space: the mean, then squared deviations from it.
/// Absent for an empty series. Kokkos must be initialized.
std::optional<SeriesStatistics> series_statistics(std::span<const double> values);

}  // namespace isoflop::fit
