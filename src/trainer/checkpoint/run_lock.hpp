// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <string>

namespace isoflop {

/// Keeps a second job from working on the same run: a lock on <file>, given back by the system when
/// the process ends, however it ends.
class RunLock {
 public:
  /// `holder` says who this is to those who come second. Throws FileError naming who holds it. A
  /// file system without locks is warned of and lets everybody in.
  RunLock(std::filesystem::path file, const std::string& holder);
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;
  ~RunLock();

 private:
  std::filesystem::path file_;
  int fd_ = -1;
};

}  // namespace isoflop
