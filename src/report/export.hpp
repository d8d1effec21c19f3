// SPDX-License-Identifier: MIT
#pragma once

#include "report/report.hpp"

namespace isoflop {

/// Writes the JSON log of the one run of `set` to options.out. Throws ConfigError when it holds
/// several.
ExitCode export_run(const RunSet& set, const ReportOptions& options);

}  // namespace isoflop
