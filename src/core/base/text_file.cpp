// SPDX-License-Identifier: MIT
#include "core/base/text_file.hpp"

#include "core/base/atomic_file.hpp"
#include "core/base/error.hpp"
#include "core/base/file_failure.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>
#include <vector>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

}  // namespace

std::string read_text_file(const fs::path& path) {
  std::error_code ignored;  // opening names the reason
  if (fs::is_directory(path, ignored))
    throw FileError(fmt::format("{}: is a folder; name a file", path.string()));
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw_file_failure(path, "open", errno);
  std::ostringstream text;
  text << stream.rdbuf();
  if (stream.bad()) throw_file_failure(path, "read", errno);
  return text.str();
}

void write_text_file(const fs::path& path, std::string_view text, mode_t mode) {
  AtomicFile file(path, mode);
  file.append(text);
  file.commit();
}

fs::path data_dir() {
  if (const char* chosen = std::getenv("ISOFLOP_DATA")) return chosen;
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  std::vector<fs::path> candidates;
  if (!error) {
    candidates.push_back(program.parent_path().parent_path() / "share/isoflop/data");
    candidates.push_back(program.parent_path().parent_path().parent_path() / "data");
  }
  candidates.emplace_back(ISOFLOP_BUILD_SOURCE_DIR "/data");
  for (const fs::path& candidate : candidates) {
    if (fs::exists(candidate / "gpus.yaml")) return candidate;
  }
  throw FileError(
      "data folder not found (no gpus.yaml beside the installation); set ISOFLOP_DATA to the "
      "project's data folder");
}

}  // namespace isoflop
