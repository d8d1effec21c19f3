// SPDX-License-Identifier: MIT
#include "core/base/build_info.hpp"

#include "isoflop_git_commit.hpp"

namespace isoflop {

std::string build_version() { return ISOFLOP_VERSION; }
std::string build_commit() { return ISOFLOP_GIT_COMMIT; }

}  // namespace isoflop
