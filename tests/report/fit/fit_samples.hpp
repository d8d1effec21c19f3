// SPDX-License-Identifier: MIT
#pragma once

#include "report/fit/scaling_data.hpp"

#include <string>
#include <vector>

namespace isoflop::fit {

/// One of the tables beside this file, sorted: "c4", "rpj", "rw".
std::vector<ScalingPoint> gadre_points(const std::string& name);

/// The law that the synthetic points follow: Besiroglu et al. 2024, arXiv:2404.10102, table 1.
inline constexpr ChinchillaForm kTruth = {
    .E = 1.8172, .A = 482.01, .B = 2085.43, .alpha = 0.3478, .beta = 0.3658};

/// Runs with N and D spread evenly in their logarithms over nine budgets from 6e18 to 3e21 FLOPs,
/// as in Hoffmann et al. 2022, and normally distributed errors of ln L. Equal seeds give equal
/// points.
std::vector<ScalingPoint> synthetic_points(std::size_t n, double noise, unsigned seed,
                                           const ChinchillaForm& truth = kTruth);

/// Of (ln A, ln B, ln E, alpha, beta).
ChinchillaForm chinchilla_form(std::span<const double> theta);

}  // namespace isoflop::fit
