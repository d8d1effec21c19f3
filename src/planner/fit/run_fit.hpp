// SPDX-License-Identifier: MIT
#pragma once

#include "planner/fit/calibration_file.hpp"
#include "planner/fit/measured_run.hpp"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace isoflop {

/// What runs say about one constant.
struct ConstantFit {
  std::string name;  ///< "gemm_sustained (Hopper)"
  double before = 0;
  double after = 0;         ///< as before where the runs do not determine it
  bool determined = false;  ///< the runs narrow what is expected of it to half or less
};

/// Predicted seconds of a run's step.
struct RunPredictions {
  std::string name;
  double measured_s = 0;
  double before_s = 0;
  double after_s = 0;
  /// By a fit without it; absent for fewer than three runs.
  std::optional<double> held_out_s = std::nullopt;
};

/// What a fit to runs of our trainer gives.
struct RunFit {
  CalibrationSection section;
  std::vector<ConstantFit> constants;  ///< all that may be fitted
  std::vector<RunPredictions> runs;
};

/// Refits the constants of a section that the runs, all of its kind of device, determine: step
/// times to 3 %, exposed communication and the optimizer to 25 %, against the spread that is
/// expected of each constant around its present value. The others keep their values. Without runs
/// the section is returned as it is.
RunFit fit_to_runs(std::span<const MeasuredRun> runs, const CalibrationSection& prior);

}  // namespace isoflop
