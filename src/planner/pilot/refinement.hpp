// SPDX-License-Identifier: MIT
#pragma once

#include "planner/pilot/pilot_measurement.hpp"
#include "planner/plan.hpp"

#include <span>
#include <vector>

namespace isoflop {

/// One run of the pilot against what is predicted for it.
struct PilotComparison {
  PilotMeasurement measured;
  StepTime predicted;           ///< by constants of data/calibration.yaml
  double predicted_memory = 0;  ///< GiB
};

/// What the measurements should have been by the constants in data/ on the partition of `before`.
/// Throws ConfigError when they are of another device.
std::vector<PilotComparison> compare_pilot(const PilotRecord& record, const Plan& before,
                                           const PlanRequest& request);

/// What the pilot says of the partition of `before`: the constants that it determines
/// (fit_to_runs), and factors for what they leave (fit_pilot). Runs with Muon, whose time is none
/// of the constants', have factors alone.
SiteCalibration calibrate_site(std::span<const PilotComparison> comparisons, const Plan& before,
                               const PlanRequest& request);

/// What refine keeps of the first plan.
enum class Keep { nothing, model };

/// The same request with what a pilot measured, on the partition that it ran on; with Keep::model
/// for the model of `before`. Which of the wanted amounts then no longer fits is left out.
PlanRequest refined_request(const PlanRequest& request, const Plan& before,
                            const SiteCalibration& site, Keep keep);

}  // namespace isoflop
