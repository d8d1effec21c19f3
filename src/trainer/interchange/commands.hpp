// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/comm/launcher.hpp"
#include "trainer/comm/process_grid.hpp"

#include <memory>
#include <string>

namespace isoflop {

/// The trainer's commands that work on trained models: export, import, eval, sample.
bool is_interchange_command(int argc, const char* const* argv);

/// Lines for trainer --help.
std::string interchange_help();

/// Runs the command that argv[1] names and returns the exit code; throws the types of
/// core/base/error.hpp. `launch` becomes that of a command which runs on several ranks, so that the
/// caller can abort the job.
int run_interchange_command(int argc, char** argv, std::unique_ptr<Launch>& launch);

/// Throws ConfigError in one of several processes that a launcher has started: `command` works in
/// one.
void require_one_process(const std::string& command, const EnvironmentLookup& environment);

}  // namespace isoflop
