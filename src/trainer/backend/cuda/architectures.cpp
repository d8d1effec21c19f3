// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/architectures.hpp"

#include <charconv>

namespace isoflop {
namespace {

/// The rules of CUDA C++ Programming Guide 13.0, "Binary compatibility" and "Family-specific and
/// architecture-specific features"; of an "f" as of an "a", which is less than it allows.
bool runs_on(std::string_view architecture, int major, int minor) {
  int number = 0;
  const char* const end = architecture.data() + architecture.size();
  const auto [suffix, error] = std::from_chars(architecture.data(), end, number);
  if (error != std::errc()) return true;
  const int capability = 10 * major + minor;
  if (suffix != end && (*suffix == 'a' || *suffix == 'f')) return capability == number;
  if (!architecture.ends_with("-real")) return capability >= number;
  return major == number / 10 && capability >= number;
}

}  // namespace

bool has_code_for(std::string_view architectures, int major, int minor) {
  while (!architectures.empty()) {
    const std::size_t comma = architectures.find(',');
    if (runs_on(architectures.substr(0, comma), major, minor)) return true;
    architectures.remove_prefix(comma == std::string_view::npos ? architectures.size() : comma + 1);
  }
  return false;
}

}  // namespace isoflop
