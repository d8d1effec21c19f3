// SPDX-License-Identifier: MIT
#include "core/base/input_file.hpp"

#include "core/base/error.hpp"
#include "core/base/file_failure.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace isoflop {

InputFile::InputFile(std::filesystem::path path)
    : path_(std::move(path)), fd_(open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (fd_ < 0) throw_file_failure(path_, "open", errno);
  struct stat status {};
  if (fstat(fd_, &status) != 0) {
    const int error_number = errno;
    close(fd_);
    throw_file_failure(path_, "read the size", error_number);
  }
  size_ = status.st_size;
  is_regular_ = S_ISREG(status.st_mode);
}

InputFile::~InputFile() { close(fd_); }

void InputFile::read(int64_t offset, std::span<std::byte> out) const {
  while (!out.empty()) {
    const ssize_t n = pread(fd_, out.data(), out.size(), offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_file_failure(path_, "read", errno);
    if (n == 0) throw FileError(fmt::format("{}: ends at byte {}", path_.string(), offset));
    offset += n;
    out = out.subspan(static_cast<std::size_t>(n));
  }
}

}  // namespace isoflop
