// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/csv.hpp"
#include "planner/estimate/accuracy.hpp"
#include "planner/estimate/published_run.hpp"
#include "planner/fit/calibration_file.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace isoflop {

/// A row of a table of runs that states its full layout and what was measured, read once.
struct PublishedMeasurement {
  std::size_t row = 0;
  PublishedRun run;
  std::vector<ParallelLayout> layouts;  ///< that it may have had (possible_layouts)
  double measured_s = 0;
};

std::vector<PublishedMeasurement> published_measurements(const CsvTable& table,
                                                         const RunReader& reader,
                                                         const Calibration& calibration);

/// The section with the constants that say how they are fitted refitted from their priors: each
/// source weighs as one measurement (those of fewer than eight rows less), errors beyond about 20 %
/// pull with constant force. A constant that the runs say
/// nothing about is at its prior.
CalibrationSection fit_to_published(std::span<const PublishedMeasurement> measurements,
                                    const CalibrationSection& section,
                                    const std::string& fitted_on);

/// What is left out of a fit together.
enum class HoldOut {
  source,   ///< the rows of one source
  program,  ///< of all sources of one program (data/software_stacks.yaml): nothing of it is seen
};

/// Sources that are left out together, in the order of the table.
std::vector<std::vector<std::string>> held_out_groups(
    std::span<const PublishedMeasurement> measurements, HoldOut hold_out);

/// All rows, those of `groups` estimated by constants fitted without their group.
std::vector<EstimatedRow> estimate_held_out(const CsvTable& table, const RunReader& reader,
                                            const CalibrationSection& section,
                                            std::span<const std::vector<std::string>> groups);

}  // namespace isoflop
