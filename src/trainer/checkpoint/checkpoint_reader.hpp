// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/input_file.hpp"
#include "trainer/checkpoint/manifest.hpp"
#include "trainer/checkpoint/state_file.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace isoflop {

/// Elements of one state of one tensor, as read() takes them.
struct StateRange {
  StateKind kind = StateKind::parameter;
  int64_t tensor = 0;
  int64_t offset = 0;
  int64_t size = 0;
};

inline constexpr const char* kIndexName = "index";

/// Gathers the tables of all state files in the folder into its index, after checking that each
/// file is there, whole and of this checkpoint. Of `manifest`, step and n_files say which they are;
/// what follows from them, bytes and index_crc32, is filled in. Throws FileError.
void write_index(const std::filesystem::path& folder, CheckpointManifest& manifest);

/// A complete checkpoint, whatever strategy and number of ranks wrote it. For one thread.
class CheckpointReader {
 public:
  /// Reads manifest and index. Throws FileError.
  explicit CheckpointReader(std::filesystem::path folder);

  const std::filesystem::path& folder() const { return folder_; }
  const CheckpointManifest& manifest() const { return manifest_; }
  /// Reads every byte of state file `file` in [0, n_files). Throws FileError.
  void verify_file(int64_t file) const;
  /// Elements of this state of the tensor; 0: it has none.
  int64_t size_of_state(StateKind kind, int64_t tensor) const;
  /// Fills `out` with a range of elements of type `dtype`, which must be the files'. Throws
  /// FileError when the checkpoint does not hold all of it.
  void read(const StateRange& range, DType dtype, std::span<std::byte> out) const;

 private:
  struct Place {
    int64_t file = 0;
    StateRecord record;
  };
  std::filesystem::path file_path(int64_t file) const;
  const InputFile& open(int64_t file) const;
  const std::vector<Place>& places(StateKind kind, int64_t tensor) const;

  std::filesystem::path folder_;
  CheckpointManifest manifest_;
  std::map<std::pair<StateKind, int64_t>, std::vector<Place>> places_;  // by offset
  mutable int64_t open_file_ = -1;             // read last, the next read is likely to want it too
  mutable std::unique_ptr<InputFile> opened_;  // open_file_
};

}  // namespace isoflop
