// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// What a program wrote and how it ended.
struct ProgramOutput {
  int exit_code = 0;  ///< 128 + signal when one ended it
  std::string out;
  std::string error;  ///< stderr
};

/// Runs a program of PATH with these words, without a shell, in the C locale, and waits for it.
/// Absent when PATH has no such program. Throws FileError when it cannot be started.
std::optional<ProgramOutput> run_program(const std::vector<std::string>& words);

}  // namespace isoflop
