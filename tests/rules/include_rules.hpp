// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace isoflop::test {

/// Who may include whom. Returns one line for each forbidden include of a C++ or CUDA file under
/// `root`/src ("src/a.cpp:3: why"), and for includes there or in `root`/tests of files elsewhere.
std::vector<std::string> find_forbidden_includes(const std::filesystem::path& root);

}  // namespace isoflop::test
