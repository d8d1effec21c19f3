// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace isoflop {

/// One word after `planner`.
struct Command {
  std::string_view name;
  std::string_view arguments;  ///< as usage lines show them
  std::string_view what;       ///< one line
  /// argv[0] is the command's name. Returns the exit code; throws the types of core/base/error.hpp.
  int (*run)(int argc, const char* const* argv);
};

/// In the order in which `planner --help` lists them.
std::span<const Command> commands();

/// What `planner --help` prints.
std::string command_help();

/// Runs the command that argv[1] names; anything else is an argument of `plan`. Throws ConfigError
/// with the nearest name for a word that is neither a command nor a file.
int run_command(int argc, const char* const* argv);

}  // namespace isoflop
