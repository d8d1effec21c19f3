// SPDX-License-Identifier: MIT
#include "trainer/checkpoint/run_lock.hpp"

#include "core/base/error.hpp"
#include "core/base/file_failure.hpp"
#include "core/base/log.hpp"
#include "core/base/text_file.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace isoflop {
namespace {

/// The first line of a file that another process wrote, and may be writing.
std::string holder_of(const std::filesystem::path& file) {
  const std::string text = read_text_file(file);
  return text.empty() ? "another job" : text.substr(0, text.find('\n'));
}

}  // namespace

RunLock::RunLock(std::filesystem::path file, const std::string& holder) : file_(std::move(file)) {
  std::error_code error;
  std::filesystem::create_directories(file_.parent_path(), error);
  if (error)
    throw_file_failure(file_.parent_path(), "create the folder of run files", error.value());
  fd_ = open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd_ < 0) throw_file_failure(file_, "create", errno);
  if (flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    const int error_number = errno;
    if (error_number == EWOULDBLOCK) {
      close(fd_);
      throw FileError(
          fmt::format("{}: {} is training this run; wait for it, stop it, or choose "
                      "another run.name",
                      file_.string(), holder_of(file_)));
    }
    log::warn("{}: this file system has no locks ({}); make sure that no other job has this run",
              file_.string(), std::strerror(error_number));
  }
  const std::string line = holder + "\n";
  if (ftruncate(fd_, 0) != 0 || pwrite(fd_, line.data(), line.size(), 0) < 0)
    log::warn("{}: cannot be written ({})", file_.string(), std::strerror(errno));
}

/// The file stays: removing it would let two others each lock a file of that name.
RunLock::~RunLock() { close(fd_); }

}  // namespace isoflop
