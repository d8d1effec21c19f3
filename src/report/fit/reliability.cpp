// SPDX-License-Identifier: MIT
#include "report/fit/reliability.hpp"

#include "core/base/format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace isoflop::fit {
namespace {

std::size_t n_different(std::span<const ScalingPoint> points, double ScalingPoint::*size) {
  std::set<double> sizes;
  for (const ScalingPoint& point : points) sizes.insert(point.*size);
  return sizes.size();
}

}  // namespace

std::size_t n_runs(std::span<const ScalingPoint> points) {
  std::set<std::string> runs;
  for (const ScalingPoint& point : points) runs.insert(point.run);
  return runs.size();
}

std::vector<std::string> problems_of_data(std::span<const ScalingPoint> points) {
  std::vector<std::string> problems;
  const std::size_t runs = n_runs(points);
  if (runs < kMinRuns)
    problems.push_back(fmt::format("{} runs (at least {} are needed)", runs, kMinRuns));
  const auto [least, most] = std::minmax_element(
      points.begin(), points.end(),
      [](const auto& a, const auto& b) { return a.compute_flops < b.compute_flops; });
  if (most->compute_flops < kMinComputeRatio * least->compute_flops)
    problems.push_back(fmt::format(
        "compute spans a factor of {:.1f}, {} to {} FLOPs (at least {:g} is needed)",
        most->compute_flops / least->compute_flops, format_scientific(least->compute_flops),
        format_scientific(most->compute_flops), kMinComputeRatio));
  for (const auto& [name, size] :
       {std::pair("N", &ScalingPoint::n_params), std::pair("D", &ScalingPoint::n_tokens)}) {
    const std::size_t sizes = n_different(points, size);
    if (sizes < kMinSizes)
      problems.push_back(
          fmt::format("{} different {} (at least {} are needed)", sizes, name, kMinSizes));
  }
  return problems;
}

std::vector<std::string> problems_of_fit(const SurfaceFit& fit) {
  std::vector<std::string> problems;
  if (!fit.converged)
    problems.push_back(
        fmt::format("not converged: relative gradient {:.1e}", fit.relative_gradient));
  if (fit.at_bound)
    problems.push_back(
        "at a bound: A, B or E has vanished, or an exponent left its range; the runs do not show "
        "all three terms");
  const auto share = [&](std::size_t n) {
    return static_cast<double>(n) /
           static_cast<double>(std::max<std::size_t>(1, fit.resamples.size()));
  };
  if (share(fit.n_unconverged_resamples) > kMaxUnconvergedShare)
    problems.push_back(fmt::format("{:.1f} % of the resamples have not converged",
                                   100 * share(fit.n_unconverged_resamples)));
  if (share(fit.n_resamples_at_bound) > kMaxShareAtBound)
    problems.push_back(fmt::format("{:.1f} % of the resamples end at a bound",
                                   100 * share(fit.n_resamples_at_bound)));
  return problems;
}

}  // namespace isoflop::fit
