// SPDX-License-Identifier: MIT
#include "core/base/build_info.hpp"

namespace isoflop {

extern const char* const kGitCommit;  // written at each build by cmake/WriteGitCommit.cmake

std::string build_version() { return ISOFLOP_VERSION; }
std::string build_commit() { return kGitCommit; }

std::string build_text() {
  const std::string commit = build_commit();
  return commit.empty() ? build_version() : build_version() + " (" + commit + ")";
}

}  // namespace isoflop
