// SPDX-License-Identifier: MIT
#include "core/run/run_segment.hpp"

#include "core/base/error.hpp"
#include "core/base/file_failure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <optional>
#include <string_view>
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

/// The number in "<run_id>.s<NNN>.h5"; absent for other names.
std::optional<int32_t> number_of(const std::string& file, const std::string& run_id) {
  const std::string_view name(file);
  const std::string prefix = run_id + ".s";
  if (!name.starts_with(prefix) || !name.ends_with(".h5")) return std::nullopt;
  const std::string_view digits =
      name.substr(prefix.size(), file.size() - prefix.size() - std::strlen(".h5"));
  int32_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc{} && end == digits.data() + digits.size() && number >= 0
             ? std::optional(number)
             : std::nullopt;
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
  if (error) throw_file_failure(runs_dir, "create the folder of run files", error.value());
  int32_t number = 0;
  while (!create_exclusively(segment_path(runs_dir, run_id, number))) ++number;
  return {segment_path(runs_dir, run_id, number), number};
}

std::vector<fs::path> segments_of(const fs::path& runs_dir, const std::string& run_id) {
  std::error_code error;
  std::map<int32_t, fs::path> by_number;
  for (const fs::directory_entry& entry : fs::directory_iterator(runs_dir, error)) {
    if (const auto number = number_of(entry.path().filename().string(), run_id))
      by_number.emplace(*number, entry.path());
  }
  if (error)
    throw FileError(fmt::format("{}: cannot list the folder of run files ({})", runs_dir.string(),
                                error.message()));
  std::vector<fs::path> files;
  for (const auto& [number, path] : by_number) files.push_back(path);
  return files;
}

}  // namespace isoflop
