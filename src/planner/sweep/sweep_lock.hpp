// SPDX-License-Identifier: MIT
#pragma once

#include "planner/sweep/sweep_folder.hpp"

#include <optional>

namespace isoflop {

/// DIR/lock, held by the one process that submits from the folder (flock, which ends with the
/// process; on NFS from version 4 on).
class SweepLock {
 public:
  /// Absent while another process holds it. Throws FileError where the file cannot be made.
  static std::optional<SweepLock> take(const SweepFiles& files);

  SweepLock(SweepLock&& other) noexcept;
  SweepLock& operator=(SweepLock&&) = delete;
  SweepLock(const SweepLock&) = delete;
  SweepLock& operator=(const SweepLock&) = delete;
  ~SweepLock();

 private:
  explicit SweepLock(int file) : file_(file) {}
  int file_;
};

}  // namespace isoflop
