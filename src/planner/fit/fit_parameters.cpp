// SPDX-License-Identifier: MIT
#include "planner/fit/fit_parameters.hpp"

#include <fmt/format.h>

#include <cmath>

namespace isoflop {
namespace {

FitParameter make_parameter(const CalibrationSection& section, std::size_t constant,
                            const std::string& kind, FitCentre centre) {
  const CalibrationConstant& of = section.constants[constant];
  FitParameter parameter{.constant = constant,
                         .kind = kind,
                         .name = kind.empty() ? of.key : fmt::format("{} ({})", of.key, kind),
                         .least = of.fit->least,
                         .most = of.fit->most,
                         .spread = of.fit->spread};
  const ConstantByKind& centres = centre == FitCentre::priors ? of.fit->prior : of.value;
  parameter.centre = kind.empty() ? centres.otherwise : centres.at(kind);
  return parameter;
}

double& slot(CalibrationSection& section, const FitParameter& parameter) {
  ConstantByKind& value = section.constants[parameter.constant].value;
  return parameter.kind.empty() ? value.otherwise : value.of.at(parameter.kind);
}

double value_at(const FitParameter& parameter, double x) { return parameter.centre * std::exp(x); }

}  // namespace

std::vector<FitParameter> fit_parameters(const CalibrationSection& section, FitCentre centre) {
  std::vector<FitParameter> parameters;
  for (std::size_t i = 0; i < section.constants.size(); ++i) {
    const CalibrationConstant& constant = section.constants[i];
    if (!constant.fit) continue;
    if (constant.value.of.empty()) parameters.push_back(make_parameter(section, i, "", centre));
    for (const auto& [kind, value] : constant.value.of)
      parameters.push_back(make_parameter(section, i, kind, centre));
  }
  return parameters;
}

double value_of(const CalibrationSection& section, const FitParameter& parameter) {
  const ConstantByKind& value = section.constants[parameter.constant].value;
  return parameter.kind.empty() ? value.otherwise : value.of.at(parameter.kind);
}

CalibrationSection at_priors(const CalibrationSection& section) {
  CalibrationSection unfitted = section;
  for (const FitParameter& parameter : fit_parameters(section, FitCentre::priors)) {
    slot(unfitted, parameter) = parameter.centre;
    unfitted.constants[parameter.constant].fitted_on.clear();
  }
  return unfitted;
}

CalibrationSection with_fit(const CalibrationSection& section,
                            std::span<const FitParameter> parameters, std::span<const double> x,
                            const std::string& fitted_on) {
  CalibrationSection fitted = section;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    slot(fitted, parameters[i]) = std::stod(fmt::format("{:.4g}", value_at(parameters[i], x[i])));
    fitted.constants[parameters[i].constant].fitted_on = fitted_on;
  }
  return fitted;
}

Calibration values_at(const CalibrationSection& section, std::span<const FitParameter> parameters,
                      std::span<const double> x) {
  CalibrationSection moved = section;
  for (std::size_t i = 0; i < parameters.size(); ++i)
    slot(moved, parameters[i]) = value_at(parameters[i], x[i]);
  return moved.values();
}

Bounds bounds_of(std::span<const FitParameter> parameters) {
  Bounds bounds;
  for (const FitParameter& parameter : parameters) {
    bounds.least.push_back(std::log(parameter.least / parameter.centre));
    bounds.most.push_back(std::log(parameter.most / parameter.centre));
  }
  return bounds;
}

}  // namespace isoflop
