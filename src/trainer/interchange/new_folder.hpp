// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>

namespace isoflop {

/// A folder that appears under its name only when it is complete: its files are written to
/// NAME.writing beside it, which commit() renames.
class NewFolder {
 public:
  /// Removes what an earlier program left unfinished there. Throws FileError when `path` exists and
  /// is not an empty folder.
  explicit NewFolder(std::filesystem::path path);
  /// Removes it all unless it was committed.
  ~NewFolder();
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;

  /// Where files are to be written.
  const std::filesystem::path& writing() const { return writing_; }
  /// Throws FileError. Lasts through a power cut, as far as the files do.
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path writing_;
  bool committed_ = false;
};

}  // namespace isoflop
