// SPDX-License-Identifier: MIT
#include "core/run/run_segment.hpp"

#include "core/base/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

void check_run_id(const std::string& run_id) {
  const auto allowed = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
  };
  if (run_id.empty() || run_id.front() == '.' ||
      !std::all_of(run_id.begin(), run_id.end(), allowed))
    throw ConfigError(
        fmt::format("run_id is '{}' (must be a file name of letters, digits, '.', '_' and '-', not "
                    "starting with '.'); choose another",
                    run_id));
}

fs::path segment_path(const fs::path& runs_dir, const std::string& run_id, int32_t number) {
  return runs_dir / fmt::format("{}.s{:03}.h5", run_id, number);
}

/// True when the file was created by this call, false when it exists.
bool create_exclusively(const fs::path& path) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd >= 0) {
    close(fd);
    return true;
  }
  if (errno == EEXIST) return false;
  throw FileError(fmt::format("{}: cannot create the run file ({}); make its folder writable",
                              path.string(), std::strerror(errno)));
}

}  // namespace

RunSegment next_segment(const fs::path& runs_dir, const std::string& run_id) {
  check_run_id(run_id);
  std::error_code error;
  fs::create_directories(runs_dir, error);
  if (error)
    throw FileError(fmt::format("{}: cannot create the folder of run files ({})", runs_dir.string(),
                                error.message()));
  int32_t number = 0;
  while (!create_exclusively(segment_path(runs_dir, run_id, number))) ++number;
  return {segment_path(runs_dir, run_id, number), number};
}

}  // namespace isoflop
