// SPDX-License-Identifier: MIT
#include "planner/sweep/sweep_lock.hpp"

#include "core/base/error.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <utility>

namespace isoflop {

std::optional<SweepLock> SweepLock::take(const SweepFiles& files) {
  const std::string path = (files.folder / "lock").string();
  const int file = open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644);
  if (file < 0)
    throw FileError(fmt::format("{}: cannot be opened ({})", path, std::strerror(errno)));
  SweepLock lock(file);
  if (flock(file, LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK) return std::nullopt;
  throw FileError(fmt::format("{}: cannot be locked ({})", path, std::strerror(errno)));
}

SweepLock::SweepLock(SweepLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

SweepLock::~SweepLock() {
  if (file_ >= 0) close(file_);
}

}  // namespace isoflop
