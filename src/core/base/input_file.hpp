// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

namespace isoflop {

/// A file that is read at given places, from several threads if need be. Failures are FileErrors
/// with the path and the system's reason.
class InputFile {
 public:
  explicit InputFile(std::filesystem::path path);
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  ~InputFile();

  const std::filesystem::path& path() const { return path_; }
  int64_t size() const { return size_; }
  /// Neither a folder nor a pipe or device.
  bool is_regular() const { return is_regular_; }
  /// Open for reading as long as this object lives.
  int descriptor() const { return fd_; }
  /// Fills `out`; a file that ends before is a FileError.
  void read(int64_t offset, std::span<std::byte> out) const;

 private:
  std::filesystem::path path_;
  int fd_ = -1;
  int64_t size_ = 0;
  bool is_regular_ = false;
};

}  // namespace isoflop
