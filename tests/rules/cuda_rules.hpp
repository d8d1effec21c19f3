// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace isoflop::test {

/// What keeps the CUDA code compilable by a host compiler, checkable by the emulation and the same
/// in every run. Returns one line for each place in `root`/src/trainer that breaks a rule
/// ("src/trainer/a.cu:3: why").
std::vector<std::string> find_forbidden_cuda(const std::filesystem::path& root);

/// C++ text with comments and the contents of string and character literals blanked; lines stay.
std::string blank_comments_and_literals(std::string_view text);

}  // namespace isoflop::test
