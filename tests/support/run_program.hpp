// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <sys/wait.h>

namespace isoflop::test {

struct ProgramResult {
  int exit_code = 0;
  std::string output;  ///< stdout and stderr together
};

/// The path of one of our programs ($ISOFLOP_BIN, which ctest sets).
inline std::string program_path(const std::string& name) {
  const char* folder = std::getenv("ISOFLOP_BIN");
  if (folder == nullptr) throw std::runtime_error("ISOFLOP_BIN is not set; run the test by ctest");
  return std::string(folder) + "/" + name;
}

/// Runs a shell command line and waits for it.
inline ProgramResult run_command(const std::string& command) {
  FILE* pipe = popen(("( " + command + " ) 2>&1").c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("popen failed");
  ProgramResult result;
  std::array<char, 4096> buffer{};
  while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe))
    result.output.append(buffer.data(), count);
  const int status = pclose(pipe);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace isoflop::test
