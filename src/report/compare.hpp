// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/table/table.hpp"
#include "core/run/run_set.hpp"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace isoflop {

struct CompareOptions {
  std::string by{};                   ///< key whose value tells the groups apart
  std::vector<std::string> values{};  ///< two of its values, base first; empty when it has two
};

/// What the runs of a group say about a quantity.
struct GroupFigure {
  std::vector<double> values;  ///< one a run
  /// Variance of each value as its steps tell; empty where steps do not tell.
  std::vector<double> step_variances;
};

/// The other group's mean less the base's, with a 95 % interval.
struct GroupDifference {
  double base = 0;
  double other = 0;
  std::optional<double> half_width;  ///< absent where neither runs nor steps tell
  std::string interval_over;         ///< "runs", "steps" or empty
};

/// Welch's interval over runs where both groups have several; else from the step variances (of
/// four degrees of freedom each) where all runs have them. Absent for an empty group.
std::optional<GroupDifference> compare_groups(const GroupFigure& base, const GroupFigure& other);

/// Student's t that 95 % of values lie within, of this many degrees of freedom rounded down.
double student_t95(double degrees_of_freedom);

/// Differences of speed and loss, and the keys of the configuration that differ. Throws ConfigError
/// when the key does not give two groups. Kokkos must be initialized.
std::vector<Table> compare_tables(std::span<const TrainingRun> runs, const CompareOptions& options);

}  // namespace isoflop
