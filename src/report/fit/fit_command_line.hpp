// SPDX-License-Identifier: MIT
#pragma once

#include "report/report.hpp"

namespace CLI {
class App;
}

namespace isoflop::fit {

/// Adds the command `fit`; `options` must outlive the parsing.
void declare_fit(CLI::App& app, ReportOptions& options);

}  // namespace isoflop::fit
