// SPDX-License-Identifier: MIT
#include "core/base/sync_folder.hpp"

#include "core/base/file_failure.hpp"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace isoflop {

void sync_folder(const std::filesystem::path& folder) {
  const int fd = open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  const int result = fsync(fd);
  const int error_number = errno;
  close(fd);
  if (result != 0 && error_number != EINVAL && error_number != ENOTSUP)
    throw_file_failure(folder, "sync the folder", error_number);
}

}  // namespace isoflop
