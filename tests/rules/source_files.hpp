// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <vector>

namespace isoflop::test {

/// C++ and CUDA files below a folder, sorted; none when there is no such folder.
std::vector<std::filesystem::path> sources_under(const std::filesystem::path& folder);

}  // namespace isoflop::test
