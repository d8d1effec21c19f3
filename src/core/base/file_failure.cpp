// SPDX-License-Identifier: MIT
#include "core/base/file_failure.hpp"

#include "core/base/error.hpp"

#include <fmt/format.h>

#include <cstring>

namespace isoflop {

void throw_file_failure(const std::filesystem::path& path, const char* action, int error_number) {
  throw FileError(
      fmt::format("{}: cannot {} ({})", path.string(), action, std::strerror(error_number)));
}

}  // namespace isoflop
