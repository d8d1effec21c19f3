// SPDX-License-Identifier: MIT
#include "core/base/text_file.hpp"

#include "core/base/error.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, const char* action, int error_number) {
  throw FileError(
      fmt::format("{}: cannot {} ({})", path.string(), action, std::strerror(error_number)));
}

/// Owns a descriptor that is written and synced.
class OutputDescriptor {
 public:
  explicit OutputDescriptor(const fs::path& path)
      : path_(path), fd_(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
    if (fd_ < 0) fail(path_, "create", errno);
  }
  OutputDescriptor(const OutputDescriptor&) = delete;
  OutputDescriptor& operator=(const OutputDescriptor&) = delete;
  ~OutputDescriptor() {
    if (fd_ >= 0) close(fd_);
  }

  void write_all(std::string_view text) {
    while (!text.empty()) {
      const ssize_t written = ::write(fd_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail(path_, "write", errno);
      text.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  void sync_and_close() {
    if (fsync(fd_) != 0 && errno != EINVAL) fail(path_, "sync", errno);
    if (close(std::exchange(fd_, -1)) != 0) fail(path_, "close", errno);
  }

 private:
  fs::path path_;
  int fd_;
};

}  // namespace

std::string read_text_file(const fs::path& path) {
  if (fs::is_directory(path))
    throw FileError(fmt::format("{}: is a folder; name a file", path.string()));
  std::ifstream stream(path, std::ios::binary);
  if (!stream) fail(path, "open", errno);
  std::ostringstream text;
  text << stream.rdbuf();
  if (stream.bad()) fail(path, "read", errno);
  return text.str();
}

void write_text_file(const fs::path& path, std::string_view text) {
  std::error_code error;
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), error);
  if (error) fail(path.parent_path(), "create the folder", error.value());
  fs::path part = path;
  part += fmt::format(".part{}", getpid());
  try {
    OutputDescriptor output(part);
    output.write_all(text);
    output.sync_and_close();
    if (std::rename(part.c_str(), path.c_str()) != 0) fail(path, "rename into place", errno);
  } catch (...) {
    fs::remove(part, error);
    throw;
  }
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
