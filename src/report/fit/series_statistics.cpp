// SPDX-License-Identifier: MIT
#include "report/fit/series_statistics.hpp"

#include "report/fit/device_series.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace isoflop::fit {
namespace {

using Values = Kokkos::View<double*, Space>;
using Range = Kokkos::RangePolicy<Space>;

double sum(const Values& values) {
  double total = 0;
  Kokkos::parallel_reduce(
      "report::fit::series_sum", Range(0, values.extent(0)),
      KOKKOS_LAMBDA(const std::size_t i, double& partial) { partial += values(i); }, total);
  return total;
}

double sum_of_squared_deviations(const Values& values, double center) {
  double total = 0;
  Kokkos::parallel_reduce(
      "report::fit::series_squared_deviations", Range(0, values.extent(0)),
      KOKKOS_LAMBDA(const std::size_t i, double& partial) {
        const double deviation = values(i) - center;
        partial += deviation * deviation;
      },
      total);
  return total;
}

double maximum(const Values& values) {
  double largest = 0;
  Kokkos::parallel_reduce(
      "report::fit::series_max", Range(0, values.extent(0)),
      KOKKOS_LAMBDA(const std::size_t i, double& partial) {
        if (values(i) > partial) partial = values(i);
      },
      Kokkos::Max<double>(largest));
  return largest;
}

double median(std::span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  if (sorted.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(sorted.begin(), middle)) / 2;
}

}  // namespace

std::optional<SeriesStatistics> series_statistics(std::span<const double> values) {
  if (values.empty()) return std::nullopt;
  const Values device = to_device("report::fit::series", values);
  SeriesStatistics statistics;
  statistics.count = values.size();
  const auto count = static_cast<double>(values.size());
  statistics.mean = sum(device) / count;
  if (values.size() > 1)
    statistics.std = std::sqrt(sum_of_squared_deviations(device, statistics.mean) / (count - 1));
  statistics.median = median(values);
  statistics.max = maximum(device);
  return statistics;
}

}  // namespace isoflop::fit
