// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

namespace isoflop::emulation {

/// Notes that the code under test did something that real hardware punishes with wrong results, an
/// error or a hang: one line that says what, where and what is missing. Equal lines are kept once,
/// at most kMaxFindings.
void add_finding(const std::string& finding);
inline constexpr int kMaxFindings = 50;

/// What was found since the last call.
std::vector<std::string> take_findings();

}  // namespace isoflop::emulation
