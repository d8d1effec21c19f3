// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/health/rank_note.hpp"

#include <functional>
#include <vector>

namespace isoflop {

/// What the end of a run that stands still takes, on each rank. Functions, so that it can be tested
/// without an end.
struct StallEndParts {
  std::vector<RankInfo> ranks;
  NoteFolder folder;
  /// Other ranks' clocks and phases may begin so much later.
  double patience_s = 0;
  std::function<RankNote()> note;                 ///< of this rank, now
  std::function<void(const StallVerdict&)> tell;  ///< everybody who may ask
  std::function<void()> abort;                    ///< the job; may return
  std::function<void(double seconds)> sleep;
};

/// Of the ranks that leave a note the lowest waits for the notes of all, or patience_s, then tells
/// who is to blame and aborts the job. The others wait for that, and return when it does not come.
/// The caller then ends its process.
void end_stalled_run(const StallEndParts& parts);

/// At most so long until end_stalled_run() returns, unless the file system hangs too.
double longest_end_s(double patience_s);

}  // namespace isoflop
