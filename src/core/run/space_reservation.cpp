// SPDX-License-Identifier: MIT
#include "core/run/space_reservation.hpp"

#include "core/base/error.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace isoflop {
namespace {

int64_t file_size(int fd) {
  struct stat status {};
  return fstat(fd, &status) == 0 ? status.st_size : 0;
}

/// Writing past the limit of `ulimit -f` raises SIGXFSZ, which ends the process.
bool exceeds_size_limit(int64_t size) {
  struct rlimit limit {};
  return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
         static_cast<rlim_t>(size) > limit.rlim_cur;
}

bool is_lack_of_room(int error_number) {
  return error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG;
}

bool free_space_below(int fd, int64_t bytes) {
  struct statvfs status {};
  return fstatvfs(fd, &status) == 0 &&
         static_cast<double>(status.f_bavail) * static_cast<double>(status.f_frsize) <
             static_cast<double>(bytes);
}

}  // namespace

SpaceReservation::SpaceReservation(const std::filesystem::path& path)
    : fd_(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644)) {
  if (fd_ < 0)
    throw FileError(
        fmt::format("{}: cannot open for writing ({})", path.string(), std::strerror(errno)));
}

SpaceReservation::~SpaceReservation() { close(fd_); }

std::optional<std::string> SpaceReservation::refusal(int64_t bytes) const {
  const int64_t size = file_size(fd_);
  if (exceeds_size_limit(size + bytes)) return std::strerror(EFBIG);
  if (fallocate(fd_, FALLOC_FL_KEEP_SIZE, size, bytes) == 0) return std::nullopt;
  const int error_number = errno;
  if (is_lack_of_room(error_number)) return std::strerror(error_number);
  if (free_space_below(fd_, bytes)) return std::strerror(ENOSPC);
  return std::nullopt;
}

void SpaceReservation::trim() const {
  // Truncating to the present size frees what was allocated behind it; failing costs only space.
  [[maybe_unused]] const int status = ftruncate(fd_, file_size(fd_));
}

}  // namespace isoflop
