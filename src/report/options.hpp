// SPDX-License-Identifier: MIT
#pragma once

#include "report/report.hpp"

#include <optional>

namespace isoflop {

/// Reads the command line. Absent when it asked for help, which is then on stdout. Throws
/// ConfigError for everything else that is not a command.
std::optional<ReportOptions> parse_options(int argc, const char* const* argv);

}  // namespace isoflop
