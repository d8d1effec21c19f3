// SPDX-License-Identifier: MIT
#include "trainer/health/stall_end.hpp"

namespace isoflop {
namespace {

constexpr double kLookSeconds = 0.5;
/// For the one who tells: files, the status file, the abort.
constexpr double kTellSeconds = 20;

bool is_lowest(const std::vector<int>& ranks, int rank) {
  return ranks.empty() || ranks.front() >= rank;
}

/// Until all notes are there or patience ends; false when a lower rank has left one. Only names are
/// looked at: at 1,024 ranks contents are read once, by one.
bool waits_as_lowest(const StallEndParts& parts, int rank) {
  for (double waited_s = 0;; waited_s += kLookSeconds) {
    const std::vector<int> ranks = parts.folder.ranks();
    if (!is_lowest(ranks, rank)) return false;
    if (ranks.size() == parts.ranks.size() || waited_s >= parts.patience_s) return true;
    parts.sleep(kLookSeconds);
  }
}

}  // namespace

void end_stalled_run(const StallEndParts& parts) {
  const RankNote mine = parts.note();
  parts.folder.leave(mine);
  if (!waits_as_lowest(parts, mine.rank)) {
    parts.sleep(parts.patience_s + kTellSeconds);
    return;
  }
  parts.tell(judge_stall(parts.folder.read(), parts.ranks));
  parts.abort();
}

double longest_end_s(double patience_s) { return 2 * patience_s + kTellSeconds + kLookSeconds; }

}  // namespace isoflop
