// SPDX-License-Identifier: MIT
#include "planner/pilot/pilot_fit.hpp"

#include "core/scaling/covariance.hpp"

#include <algorithm>
#include <cmath>

namespace isoflop {
namespace {

/// Student's t over the normal quantile, 95 %, of five parts of a run.
constexpr double kFewParts = 2.776 / kNormal95;

template <typename Ratio>
double geometric_mean(std::span<const PilotPoint> points, const Ratio& ratio) {
  double sum = 0;
  for (const PilotPoint& point : points) sum += std::log(ratio(point));
  return std::exp(sum / static_cast<double>(points.size()));
}

bool tells_communication(const PilotPoint& point) {
  const double least = kLeastCommunication * point.predicted.total();
  return point.communication_s && point.predicted.communication_s >= least &&
         *point.communication_s > 0 && *point.communication_s < point.step_s;
}

SpeedCorrection common_factors(std::span<const PilotPoint> points) {
  SpeedCorrection speed;
  if (std::all_of(points.begin(), points.end(), tells_communication)) {
    speed.communication = geometric_mean(points, [](const PilotPoint& point) {
      return *point.communication_s / point.predicted.communication_s;
    });
    speed.compute = geometric_mean(points, [](const PilotPoint& point) {
      return (point.step_s - *point.communication_s) /
             (point.predicted.total() - point.predicted.communication_s);
    });
    return speed;
  }
  speed.compute = geometric_mean(
      points, [](const PilotPoint& point) { return point.step_s / point.predicted.total(); });
  speed.communication = speed.compute;
  return speed;
}

}  // namespace

PilotFit fit_pilot(std::span<const PilotPoint> points) {
  PilotFit fit{common_factors(points), 0};
  const SpeedCorrection common = fit.speed;
  double variance = 0;
  for (const PilotPoint& point : points) {
    const double left = point.step_s / common.apply(point.predicted, point.layout).total();
    variance += std::pow(kFewParts * point.scatter, 2) + std::pow(std::log(left), 2);
    if (std::abs(std::log(left)) > 2 * point.scatter)
      fit.speed.layouts.push_back({layout_kind(point.layout), left});
  }
  fit.spread = std::sqrt(variance / static_cast<double>(points.size()));
  return fit;
}

double margin_for(double spread, double uncalibrated_margin) {
  const double upper = std::exp(kNormal95 * spread) - 1;
  return std::clamp(upper, std::min(kLeastMargin, uncalibrated_margin), uncalibrated_margin);
}

}  // namespace isoflop
