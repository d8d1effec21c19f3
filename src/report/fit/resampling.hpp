// SPDX-License-Identifier: MIT
#pragma once

#include "core/scaling/scaling_law.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace isoflop::fit {

/// How often a resample of whole runs, drawn with replacement, holds each point: one row of counts
/// for each resample. `runs`: each point's run, numbered from 0. Equal seeds give equal counts.
std::vector<float> resample_counts(std::span<const std::size_t> runs, std::size_t n_resample,
                                   uint64_t seed);

/// The 2.5 and 97.5 percentiles, straight between the values next to them; values not empty.
Range interval_95(std::vector<double> values);

/// Sample covariance (n - 1) of rows of equal length, at least two rows.
std::vector<std::vector<double>> sample_covariance(std::span<const std::vector<double>> rows);

/// Covariance of the 95 % of rows that lie nearest to their own centre, scaled to that of a normal
/// distribution with these: a fit's resamples have tails along its curved valley that would widen
/// every prediction. The trimming step of Rousseeuw and Van Driessen 1999 (Technometrics 41), from
/// all rows on. Absent when fewer rows than columns are left or they span no volume.
std::optional<std::vector<std::vector<double>>> trimmed_covariance(
    std::span<const std::vector<double>> rows);

}  // namespace isoflop::fit
