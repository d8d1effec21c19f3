// SPDX-License-Identifier: MIT
#include "core/base/command_line.hpp"

#include "core/base/error.hpp"

#include <CLI/CLI.hpp>

namespace isoflop {

bool parse_command_line(CLI::App& app, int argc, const char* const* argv, const std::string& hint) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help, --version
    app.exit(success);
    return false;
  } catch (const CLI::ParseError& error) {
    throw ConfigError(std::string(error.what()) + "; " + hint);
  }
  return true;
}

}  // namespace isoflop
