// SPDX-License-Identifier: MIT
#pragma once

#include "planner/estimate/accuracy.hpp"
#include "planner/fit/calibration_file.hpp"
#include "planner/fit/run_fit.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace isoflop {

/// A fit to published runs and what it is worth.
struct PublishedCalibration {
  std::size_t measurements = 0;
  CalibrationSection before;
  CalibrationSection fitted;
  std::vector<SourceAccuracy> accuracy;  ///< of the fit to all
  std::vector<SourceAccuracy> held_out;  ///< empty: nothing was held out
};

std::string describe_published_fit(const PublishedCalibration& calibration);
std::string published_fit_as_json(const PublishedCalibration& calibration);

/// One fit for each kind of device.
std::string describe_run_fits(std::span<const RunFit> fits);
/// `skipped`: files that were left out, with the reasons.
std::string run_fits_as_json(std::span<const RunFit> fits, std::span<const std::string> skipped);

}  // namespace isoflop
