// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <sys/types.h>

namespace isoflop {

/// A file that appears under its name only when it is complete: bytes go to "<name>.part<pid>"
/// beside it, and commit() syncs that and renames it. Every failure is a FileError that names the
/// path and the system's reason ("No space left on device").
class AtomicFile {
 public:
  /// Creates missing parent folders and the part file, which gets the permissions `mode` less the
  /// process's umask, whatever those of an older file of that name are.
  explicit AtomicFile(std::filesystem::path path, mode_t mode = 0644);
  /// Continues the part file that keep() left, in this process or an earlier one, with its first
  /// `n_bytes`; so too when it was committed since. Throws FileError when it is gone or shorter.
  AtomicFile(std::filesystem::path path, std::filesystem::path part_path, int64_t n_bytes);
  /// Removes the part file unless it was committed or kept.
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Adds bytes at the end.
  void append(std::string_view bytes);
  /// Replaces bytes from `offset` on; the end stays where it was.
  void write_at(int64_t offset, std::string_view bytes);
  /// Syncs the part file, which stays from now on when it is not committed. Returns its path.
  const std::filesystem::path& keep();
  /// Syncs file and folder; from here on the name holds the new content, also after a power cut.
  void commit();

  const std::filesystem::path& path() const { return path_; }

 private:
  void close_and_remove() noexcept;

  std::filesystem::path path_;
  std::filesystem::path part_path_;
  int fd_ = -1;
  bool is_kept_ = false;
};

}  // namespace isoflop
