// SPDX-License-Identifier: MIT
#include "report/fit/frontier.hpp"
#include "report/fit/line_fit.hpp"
#include "report/fit/parallel_cores.hpp"
#include "report/fit/resampling.hpp"
#include "report/fit/weights.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace isoflop::fit {
namespace {

constexpr std::size_t kGridPoints = 1500;  // Hoffmann et al. 2022, section 3.1
constexpr std::size_t kMinCurves = 3;

/// One run's loss by rising compute.
struct Curve {
  double log_params = 0;
  std::vector<double> log_compute;
  std::vector<double> loss;
};

/// By run, in the order of the runs' first points; runs of one point pass no compute.
std::vector<Curve> curves_of(std::span<const ScalingPoint> points) {
  std::map<std::string, Curve> curves;
  for (const ScalingPoint& point : by_compute(points)) {
    Curve& curve = curves[point.run];
    const double log_compute = std::log(point.compute_flops);
    if (!curve.log_compute.empty() && log_compute <= curve.log_compute.back()) continue;
    curve.log_params = std::log(point.n_params);
    curve.log_compute.push_back(log_compute);
    curve.loss.push_back(point.loss);
  }
  std::vector<Curve> result;
  for (auto& [run, curve] : curves) {
    if (curve.loss.size() > 1) result.push_back(std::move(curve));
  }
  return result;
}

/// Infinite where the curve does not pass.
double loss_at(const Curve& curve, double log_compute) {
  const auto after =
      std::lower_bound(curve.log_compute.begin(), curve.log_compute.end(), log_compute);
  if (after == curve.log_compute.end() ||
      (after == curve.log_compute.begin() && *after > log_compute))
    return std::numeric_limits<double>::infinity();
  const auto right = static_cast<std::size_t>(after - curve.log_compute.begin());
  if (right == 0) return curve.loss[0];
  const double share = (log_compute - curve.log_compute[right - 1]) /
                       (curve.log_compute[right] - curve.log_compute[right - 1]);
  return curve.loss[right - 1] + share * (curve.loss[right] - curve.loss[right - 1]);
}

struct Grid {
  std::vector<double> log_compute;
  std::vector<double> loss;  ///< (log_compute, curve)
};

/// Even in ln C over what all curves span.
Grid sample_curves(std::span<const Curve> curves) {
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const Curve& curve : curves) {
    low = std::min(low, curve.log_compute.front());
    high = std::max(high, curve.log_compute.back());
  }
  Grid grid;
  for (std::size_t g = 0; g < kGridPoints; ++g) {
    grid.log_compute.push_back(low + (high - low) * static_cast<double>(g) / (kGridPoints - 1));
    for (const Curve& curve : curves) grid.loss.push_back(loss_at(curve, grid.log_compute.back()));
  }
  return grid;
}

/// The lowest curve; -1 where no smaller or no larger model passes, which might be lower still.
struct Lowest {
  int curve = -1;
  int n_curve = 0;
};

using LossView = Kokkos::View<const double*, Space>;

KOKKOS_INLINE_FUNCTION Lowest lowest_at(const LossView& losses, const LossView& sizes,
                                        const float* weights, std::size_t g) {
  const std::size_t n_curve = sizes.extent(0);
  Lowest lowest;
  double least_loss = 1e300;
  double smallest = 1e300;
  double largest = -1e300;
  for (std::size_t c = 0; c < n_curve; ++c) {
    const double loss = losses(g * n_curve + c);
    if (weights[c] == 0 || !(loss < 1e300)) continue;
    ++lowest.n_curve;
    if (sizes(c) < smallest) smallest = sizes(c);
    if (sizes(c) > largest) largest = sizes(c);
    if (loss < least_loss) {
      least_loss = loss;
      lowest.curve = static_cast<int>(c);
    }
  }
  if (lowest.curve >= 0 && (sizes(lowest.curve) <= smallest || sizes(lowest.curve) >= largest))
    lowest.curve = -1;
  return lowest;
}

LossView log_params_of(std::span<const Curve> curves) {
  std::vector<double> log_params;
  for (const Curve& curve : curves) log_params.push_back(curve.log_params);
  return to_device<double>("report::fit::envelope_sizes", log_params);
}

/// Of all curves, for each compute of the grid.
std::vector<Lowest> find_lowest(const Grid& grid, std::span<const Curve> curves) {
  const LossView losses = to_device<double>("report::fit::envelope_losses", grid.loss);
  const WeightView once = to_weights(std::vector<float>(curves.size(), 1.0F), curves.size());
  const LossView sizes = log_params_of(curves);
  const Kokkos::View<Lowest*, Space> lowest("report::fit::envelope_lowest",
                                            grid.log_compute.size());
  for_each_on_all_cores(
      "report::fit::envelope_lowest", lowest.extent(0),
      KOKKOS_LAMBDA(const std::size_t g) { lowest(g) = lowest_at(losses, sizes, &once(0, 0), g); });
  const auto host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), lowest);
  return {host.data(), host.data() + host.extent(0)};
}

/// d ln N / d ln C of the lowest curves in each problem (row of the weights, one a curve).
std::vector<std::optional<double>> exponents_of(const Grid& grid, std::span<const Curve> curves,
                                                const WeightView& weights) {
  const LossView losses = to_device<double>("report::fit::envelope_losses", grid.loss);
  const LossView sizes = log_params_of(curves);
  const auto compute = to_device<double>("report::fit::envelope_compute", grid.log_compute);
  const Kokkos::View<LineSums*, Space> lines("report::fit::envelope_lines", weights.extent(0));
  for_each_on_all_cores(
      "report::fit::envelope_lines", lines.extent(0), KOKKOS_LAMBDA(const std::size_t problem) {
        for (std::size_t g = 0; g < compute.extent(0); ++g) {
          const int curve = lowest_at(losses, sizes, &weights(problem, 0), g).curve;
          if (curve >= 0) lines(problem).add(compute(g) - compute(0), sizes(curve));
        }
      });
  const auto host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), lines);
  std::vector<std::optional<double>> exponents;
  for (std::size_t problem = 0; problem < host.extent(0); ++problem)
    exponents.push_back(host(problem).has_slope() ? std::optional(host(problem).slope())
                                                  : std::nullopt);
  return exponents;
}

/// One point for each stretch of the grid on which one run is the lowest, in its middle.
std::vector<FrontierPoint> stretches(const Grid& grid, std::span<const Curve> curves,
                                     std::span<const Lowest> lowest) {
  std::vector<FrontierPoint> points;
  for (std::size_t begin = 0, end = 0; begin < grid.log_compute.size(); begin = end) {
    const int curve = lowest[begin].curve;
    for (end = begin; end < grid.log_compute.size() && lowest[end].curve == curve;) ++end;
    if (curve < 0) continue;
    const std::size_t middle = (begin + end) / 2;
    const auto c = static_cast<std::size_t>(curve);
    points.push_back({std::exp(grid.log_compute[middle]), std::exp(curves[c].log_params),
                      std::nullopt, grid.loss[middle * curves.size() + c],
                      static_cast<std::size_t>(lowest[middle].n_curve)});
  }
  return points;
}

}  // namespace

FrontierResult envelope_frontier(std::span<const ScalingPoint> curve_points,
                                 std::size_t n_bootstrap, uint64_t seed) {
  const std::vector<Curve> curves = curves_of(curve_points);
  if (curves.size() < kMinCurves)
    return fmt::format("{} runs with training curves (at least {} are needed)", curves.size(),
                       kMinCurves);
  const Grid grid = sample_curves(curves);
  std::vector<std::size_t> runs(curves.size());
  for (std::size_t c = 0; c < runs.size(); ++c) runs[c] = c;
  std::vector<float> counts(curves.size(), 1.0F);
  const auto resampled = resample_counts(runs, n_bootstrap, seed);
  counts.insert(counts.end(), resampled.begin(), resampled.end());
  const auto exponents = exponents_of(grid, curves, to_weights(counts, curves.size()));
  if (!exponents[0])
    return std::string(
        "at no two values of compute is the lowest run between a smaller and a larger one");
  FrontierFit fit;
  fit.exponent = *exponents[0];
  fit.points = stretches(grid, curves, find_lowest(grid, curves));
  fit.notes.emplace_back(
      "a curve's points before its end are of a learning rate that has not decayed: they are "
      "somewhat too high");
  for (const auto& exponent : std::span(exponents).subspan(1)) {
    if (exponent)
      fit.resampled_exponents.push_back(*exponent);
    else
      ++fit.n_failed_resamples;
  }
  return fit;
}

}  // namespace isoflop::fit
