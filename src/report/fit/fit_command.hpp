// SPDX-License-Identifier: MIT
#pragma once

#include "report/report.hpp"

#include <filesystem>
#include <span>
#include <vector>

namespace isoflop::fit {

/// True for tables of points (.csv); everything else is a run file.
bool is_scaling_table(const std::filesystem::path& file);

/// `report fit`: prints the tables, names on stderr what was left out and why a fit is unreliable,
/// and writes the law to options.out. kUnreliable comes before kSkippedInput. Kokkos must be
/// initialized. Throws FileError, ConfigError.
ExitCode run_fit(const RunSet& set, const ReportOptions& options);

}  // namespace isoflop::fit
