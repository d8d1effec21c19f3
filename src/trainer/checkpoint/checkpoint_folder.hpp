// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/checkpoint_config.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace isoflop {

/// The checkpoints of a run: folders step-00001000, each complete, and at times
/// step-00002000.writing, which is not. All calls but the names are rank 0's.
class CheckpointFolder {
 public:
  explicit CheckpointFolder(std::filesystem::path path) : path_(std::move(path)) {}

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path of(int64_t step) const;
  std::filesystem::path writing(int64_t step) const;

  /// Of the complete checkpoints, newest first; empty without the folder.
  std::vector<int64_t> steps() const;
  /// What is in writing(step) is complete: gives it its name, which lasts through a power cut.
  /// Throws FileError.
  void commit(int64_t step) const;
  /// Removes all but the newest and the milestones. What cannot be removed stays, named by a
  /// warning.
  void prune(const CheckpointConfig& config) const;
  /// Removes what an earlier start left unfinished.
  void remove_unfinished() const;
  /// Removes writing(step).
  void remove_unfinished(int64_t step) const;
  /// Bytes that this user can still write there. Throws FileError.
  int64_t free_bytes() const;

 private:
  std::filesystem::path path_;
};

/// "the last checkpoint is of step 40 (runs/x.checkpoints/step-00000040)", or that there is none.
std::string describe_newest(const CheckpointFolder& folder);

}  // namespace isoflop
