// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace isoflop {

/// "0.1.0".
std::string build_version();
/// The git commit this build was made from, "-dirty" behind it when files were changed; empty when
/// it was not built in a checkout.
std::string build_commit();
/// "0.1.0 (3f2a9c1d0b4e)", or the version alone where there is no commit.
std::string build_text();

}  // namespace isoflop
