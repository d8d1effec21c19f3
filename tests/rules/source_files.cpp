// SPDX-License-Identifier: MIT
#include "rules/source_files.hpp"

#include <algorithm>
#include <set>
#include <string>

namespace isoflop::test {

namespace fs = std::filesystem;

std::vector<fs::path> sources_under(const fs::path& folder) {
  static const std::set<std::string> extensions{".hpp", ".cpp", ".h", ".c", ".cu", ".cuh", ".inl"};
  std::vector<fs::path> sources;
  if (!fs::exists(folder)) return sources;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    if (extensions.contains(entry.path().extension().string())) sources.push_back(entry.path());
  }
  std::sort(sources.begin(), sources.end());
  return sources;
}

}  // namespace isoflop::test
