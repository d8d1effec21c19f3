// SPDX-License-Identifier: MIT
#pragma once

#include "report/fit/huber_newton.hpp"
#include "report/fit/parallel_cores.hpp"

#include <span>
#include <vector>

namespace isoflop::fit {

/// A descent that starts at `theta` with `first_delta`, which shrinks to the delta of the batch:
/// far from the minimum a large delta has one valley where a small one has many.
template <int P>
struct Descent {
  std::size_t problem = 0;  ///< row of the weights
  double theta[P] = {};
  double first_delta = 0;
};

/// The relative gradient at which a descent ends, and below which it counts as converged: rounding
/// may keep a sum of many samples from getting to the former.
inline constexpr double kGradientGoal = 1e-10;
inline constexpr double kConvergedGradient = 1e-6;

/// All descents at once, one to a thread of Kokkos' default execution space, in the order given.
template <typename Surface>
std::vector<Minimum<Surface::kParams>> minimize_batch(
    const SampleView& samples, const WeightView& weights, double delta,
    std::span<const Descent<Surface::kParams>> descents) {
  constexpr int P = Surface::kParams;
  const auto starts = to_device("report::fit::descents", descents);
  const Kokkos::View<Minimum<P>*, Space> minima(
      Kokkos::view_alloc("report::fit::minima", Kokkos::WithoutInitializing), descents.size());
  for_each_on_all_cores(
      "report::fit::minimize_batch", descents.size(), KOKKOS_LAMBDA(const std::size_t i) {
        const float* const counts = &weights(starts(i).problem, 0);
        double theta[P];
        for (int j = 0; j < P; ++j) theta[j] = starts(i).theta[j];
        int iterations = 0;
        for (double wide = starts(i).first_delta; wide > 2 * delta; wide /= 4) {
          const Minimum<P> rough = minimize_huber<Surface>(samples, counts, theta, wide, 1e-3, 12);
          for (int j = 0; j < P; ++j) theta[j] = rough.theta[j];
          iterations += rough.iterations;
        }
        minima(i) = minimize_huber<Surface>(samples, counts, theta, delta, kGradientGoal, 300);
        minima(i).iterations += iterations;
      });
  const auto host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), minima);
  return {host.data(), host.data() + host.extent(0)};
}

}  // namespace isoflop::fit
