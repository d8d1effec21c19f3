// SPDX-License-Identifier: MIT
#include "report/fit/window_means.hpp"

#include "core/base/check.hpp"
#include "report/fit/device_series.hpp"

namespace isoflop::fit {

std::vector<double> window_means(std::span<const double> values, std::span<const Window> windows) {
  if (windows.empty()) return {};
  for ([[maybe_unused]] const Window& window : windows)
    ISOFLOP_CHECK(window.begin < window.end && window.end <= values.size());
  const auto series = to_device("report::fit::window_series", values);
  const auto ranges = to_device("report::fit::windows", windows);
  const Kokkos::View<double*, Space> means("report::fit::window_means", windows.size());
  Kokkos::parallel_for(
      "report::fit::window_means", Kokkos::RangePolicy<Space>(0, windows.size()),
      KOKKOS_LAMBDA(const std::size_t w) {
        double total = 0;
        for (std::size_t i = ranges(w).begin; i < ranges(w).end; ++i) total += series(i);
        means(w) = total / static_cast<double>(ranges(w).end - ranges(w).begin);
      });
  const auto host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), means);
  return {host.data(), host.data() + host.extent(0)};
}

}  // namespace isoflop::fit
