// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace isoflop {

/// Fills the options that `app` declares; false when --help or --version was asked for and printed.
/// Throws ConfigError with CLI11's complaint, "; " and `hint`.
bool parse_command_line(CLI::App& app, int argc, const char* const* argv, const std::string& hint);

}  // namespace isoflop
