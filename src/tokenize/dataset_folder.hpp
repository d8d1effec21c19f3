// SPDX-License-Identifier: MIT
#pragma once

#include "core/data/dataset_index.hpp"

#include <filesystem>

namespace isoflop {

enum class ExistingDataset { refuse, overwrite };

/// The folder a dataset is written into. Shards are written to a staging folder inside it and moved
/// into place by publish(), so a run that fails or is killed leaves an earlier dataset as it was,
/// and never a part of a new one.
class DatasetFolder {
 public:
  /// Creates and locks the folder and clears what a killed run left in staging. Throws ConfigError
  /// when it holds a dataset that may not be overwritten; FileError when it cannot be made or
  /// another tokenize is writing there.
  DatasetFolder(const std::filesystem::path& path, ExistingDataset existing);
  /// Removes what was not published, and the folder if it was created for nothing.
  ~DatasetFolder();
  DatasetFolder(const DatasetFolder&) = delete;
  DatasetFolder& operator=(const DatasetFolder&) = delete;

  /// Where shards are to be written.
  const std::filesystem::path& staging() const { return staging_; }
  /// Replaces the shards of an earlier dataset by the staged ones; dataset.yaml goes first and
  /// comes last. Other files in the folder are left alone.
  void publish(const DatasetIndex& index);

 private:
  void lock();

  std::filesystem::path path_;
  std::filesystem::path staging_;
  bool created_ = false;
  bool published_ = false;
  int lock_fd_ = -1;
};

}  // namespace isoflop
