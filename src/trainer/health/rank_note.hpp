// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/comm/collectives.hpp"
#include "trainer/comm/process_grid.hpp"
#include "trainer/health/run_status.hpp"

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace isoflop {

/// What a rank says of itself when the run stands still.
struct RankNote {
  int rank = 0;
  std::string host = {};
  int64_t pid = 0;
  int64_t step = 0;
  std::string phase = {};
  double lasted_s = 0;       ///< the phase so far
  double step_lasted_s = 0;  ///< the step so far
  PeerWaits waits = {};

  bool operator==(const RankNote&) const = default;
};

/// The notes of a start of a run, a file of each rank in a folder that is made by the first. Ranks
/// that stand still cannot use their communicator, but they share the folder of run files, as
/// checkpoints need it too. Nothing is read or written there before a rank stalls.
class NoteFolder {
 public:
  explicit NoteFolder(std::filesystem::path path) : path_(std::move(path)) {}

  const std::filesystem::path& path() const { return path_; }
  /// Whether any rank has begun to leave a note.
  bool exists() const;
  /// Throws FileError.
  void leave(const RankNote& note) const;
  /// Who has left one, in order.
  std::vector<int> ranks() const;
  /// Those that are whole, by rank.
  std::vector<RankNote> read() const;

 private:
  std::filesystem::path file(int rank) const;

  std::filesystem::path path_;
};

/// What notes tell of the ranks of a run.
struct StallVerdict {
  std::string text;               ///< who stands still where and for how long
  std::vector<Suspect> suspects;  ///< empty when no rank can be told from the others
};

/// Who the others wait for: ranks that left no note (stopped, dead, or cut off); ranks that wait
/// for nobody and have done least together with others; else those that wait in an earlier place
/// than others. `notes`: by rank, at least one.
StallVerdict judge_stall(std::span<const RankNote> notes, std::span<const RankInfo> ranks);

}  // namespace isoflop
