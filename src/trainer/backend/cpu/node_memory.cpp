// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/node_memory.hpp"

#include <algorithm>
#include <fstream>
#include <string>
#include <unistd.h>

namespace isoflop {
namespace {

int64_t physical_bytes() {
  return static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) *
         static_cast<int64_t>(sysconf(_SC_PAGESIZE));
}

/// The version 2 group of this process: the line "0::/path" of /proc/self/cgroup.
std::filesystem::path own_control_group() {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("0::/")) return line.substr(4);
  return {};
}

int64_t limit_in(const std::filesystem::path& folder) {
  std::ifstream file(folder / "memory.max");
  int64_t limit = 0;
  return file >> limit ? limit : INT64_MAX;  // "max" is no number: no limit
}

}  // namespace

int64_t control_group_limit(const std::filesystem::path& root, const std::filesystem::path& group) {
  int64_t limit = limit_in(root);
  std::filesystem::path folder = root;
  for (const auto& part : group) {
    folder /= part;
    limit = std::min(limit, limit_in(folder));
  }
  return limit;
}

int64_t node_memory_bytes() {
  return std::min(physical_bytes(), control_group_limit("/sys/fs/cgroup", own_control_group()));
}

}  // namespace isoflop
