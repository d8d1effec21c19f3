// SPDX-License-Identifier: MIT
#include "report/fit/weights.hpp"

namespace isoflop::fit {

WeightView to_weights(std::span<const float> counts, std::size_t n_column) {
  using Host = Kokkos::View<const float**, Kokkos::LayoutRight, Kokkos::HostSpace,
                            Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
  const std::size_t n_problem = counts.size() / n_column;
  const Kokkos::View<float**, Kokkos::LayoutRight, Space> weights(
      Kokkos::view_alloc("report::fit::weights", Kokkos::WithoutInitializing), n_problem, n_column);
  Kokkos::deep_copy(weights, Host(counts.data(), n_problem, n_column));
  return weights;
}

}  // namespace isoflop::fit
