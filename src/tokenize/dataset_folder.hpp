// SPDX-License-Identifier: MIT
#pragma once

#include "core/data/dataset_index.hpp"

#include <filesystem>

namespace isoflop {

enum class ExistingDataset { refuse, overwrite };
/// What becomes of work that an earlier tokenize was killed in.
enum class UnfinishedWork { resume, discard };

/// The folder a dataset is written into. Shards are written to a staging folder inside it and moved
/// into place by publish(), so a run that fails or is killed leaves an earlier dataset as it was,
/// and never a part of a new one. Staged shards stay for a resume once staging holds a work state.
class DatasetFolder {
 public:
  /// Creates and locks the folder and clears what a killed run left in staging, unless it is to be
  /// resumed. Throws ConfigError
  /// when it holds a dataset that may not be overwritten; FileError when it cannot be made or
  /// another tokenize is writing there.
  DatasetFolder(const std::filesystem::path& path, ExistingDataset existing,
                UnfinishedWork unfinished = UnfinishedWork::resume);
  /// Removes what was not published and cannot be resumed, and the folder if it was created for
  /// nothing.
  ~DatasetFolder();
  DatasetFolder(const DatasetFolder&) = delete;
  DatasetFolder& operator=(const DatasetFolder&) = delete;

  /// Staging holds a work state.
  bool has_unfinished_work() const;
  /// Copies the files of a vocabulary into staging, for publish(). Returns where they will lie.
  VocabularySource stage_vocabulary(const VocabularySource& vocabulary);
  /// Where shards are to be written.
  const std::filesystem::path& staging() const { return staging_; }
  /// Replaces the shards and the vocabulary of an earlier dataset by the staged ones; dataset.yaml
  /// goes first and comes last. Other files in the folder are left alone.
  void publish(const DatasetIndex& index);

 private:
  void lock();
  void take_back_shards();

  std::filesystem::path path_;
  std::filesystem::path staging_;
  bool created_ = false;
  bool published_ = false;
  int lock_fd_ = -1;
};

}  // namespace isoflop
