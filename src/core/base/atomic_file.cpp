// SPDX-License-Identifier: MIT
#include "core/base/atomic_file.hpp"

#include "core/base/error.hpp"
#include "core/base/file_failure.hpp"
#include "core/base/sync_folder.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace isoflop {

namespace fs = std::filesystem;

AtomicFile::AtomicFile(fs::path path, mode_t mode) : path_(std::move(path)), part_path_(path_) {
  std::error_code error;
  if (path_.has_parent_path()) fs::create_directories(path_.parent_path(), error);
  if (error) throw_file_failure(path_.parent_path(), "create the folder", error.value());
  part_path_ += fmt::format(".part{}", getpid());
  fd_ = open(part_path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (fd_ < 0) throw_file_failure(path_, "create", errno);
}

AtomicFile::AtomicFile(fs::path path, fs::path part_path, int64_t n_bytes)
    : path_(std::move(path)), part_path_(std::move(part_path)), is_kept_(true) {
  std::error_code error;
  if (!fs::exists(part_path_, error)) fs::rename(path_, part_path_, error);
  if (error) throw_file_failure(part_path_, "open", error.value());
  fd_ = open(part_path_.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd_ < 0) throw_file_failure(part_path_, "open", errno);
  const off_t size = lseek(fd_, 0, SEEK_END);
  if (size < n_bytes) {
    close(std::exchange(fd_, -1));
    throw FileError(fmt::format("{}: has {} bytes (at least {} were written); start over",
                                part_path_.string(), static_cast<int64_t>(size), n_bytes));
  }
  if (ftruncate(fd_, n_bytes) != 0 || lseek(fd_, n_bytes, SEEK_SET) < 0) {
    const int error_number = errno;
    close(std::exchange(fd_, -1));
    throw_file_failure(part_path_, "cut", error_number);
  }
}

AtomicFile::~AtomicFile() { close_and_remove(); }

void AtomicFile::close_and_remove() noexcept {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
  if (!part_path_.empty() && !is_kept_) unlink(part_path_.c_str());
}

void AtomicFile::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_file_failure(path_, "write", errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void AtomicFile::write_at(int64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = pwrite(fd_, bytes.data(), bytes.size(), offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_file_failure(path_, "write", errno);
    offset += written;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

const fs::path& AtomicFile::keep() {
  if (fsync(fd_) != 0 && errno != EINVAL) throw_file_failure(path_, "sync", errno);
  is_kept_ = true;
  return part_path_;
}

void AtomicFile::commit() {
  if (fsync(fd_) != 0 && errno != EINVAL) throw_file_failure(path_, "sync", errno);
  if (close(std::exchange(fd_, -1)) != 0) throw_file_failure(path_, "close", errno);
  if (std::rename(part_path_.c_str(), path_.c_str()) != 0)
    throw_file_failure(path_, "rename into place", errno);
  part_path_.clear();
  sync_folder(path_.parent_path());
}

}  // namespace isoflop
