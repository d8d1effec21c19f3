// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/table/table.hpp"
#include "core/scaling/scaling_law.hpp"
#include "report/fit/parametric_fit.hpp"

#include <span>
#include <string>

namespace isoflop::fit {

/// The parameters and the exponents of the best N and D with 95 % intervals; in the notes data,
/// policy and how the minimum was found.
Table parameters_table(const SurfaceFit& fit, const ScalingData& data, const FitSettings& settings);

/// Best N and D, their ratio and the loss at powers of ten of compute.
Table optima_table(const SurfaceFit& fit, const ScalingLaw& law,
                   std::span<const double> compute_flops);

}  // namespace isoflop::fit
