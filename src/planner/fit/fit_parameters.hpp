// SPDX-License-Identifier: MIT
#pragma once

#include "planner/fit/calibration_file.hpp"
#include "planner/fit/least_squares.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace isoflop {

/// One number of a section that a fit may change, as x = ln(value / centre).
struct FitParameter {
  std::size_t constant = 0;  ///< of CalibrationSection::constants
  std::string kind;          ///< of ConstantByKind::of; empty: `otherwise`
  std::string name;          ///< "gemm_sustained (Hopper)"
  double centre = 0;
  double least = 0;
  double most = 0;
  double spread = 0;
};

/// What the regulariser pulls towards: the priors, before any run was seen, or the values as they
/// are.
enum class FitCentre { priors, values };

/// Of the constants that say how they are fitted; each kind of one that has kinds.
std::vector<FitParameter> fit_parameters(const CalibrationSection& section, FitCentre centre);

double value_of(const CalibrationSection& section, const FitParameter& parameter);

/// The section with every constant that says how it is fitted at its prior.
CalibrationSection at_priors(const CalibrationSection& section);

/// The section with x, values rounded to four digits, marked as fitted on `fitted_on`.
CalibrationSection with_fit(const CalibrationSection& section,
                            std::span<const FitParameter> parameters, std::span<const double> x,
                            const std::string& fitted_on);

/// The constants at x, neither rounded nor marked.
Calibration values_at(const CalibrationSection& section, std::span<const FitParameter> parameters,
                      std::span<const double> x);

Bounds bounds_of(std::span<const FitParameter> parameters);

}  // namespace isoflop
