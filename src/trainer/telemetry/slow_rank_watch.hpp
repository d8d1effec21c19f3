// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace isoflop {

/// A rank that the others wait for.
struct SlowRank {
  std::size_t rank = 0;
  double own_s = 0;     ///< its step without exposed communication
  double median_s = 0;  ///< the same, median over ranks
};

/// Finds ranks whose own time is more than 1.5 times the median in three samples in a row. Step
/// times themselves are alike, as ranks wait for each other.
class SlowRankWatch {
 public:
  explicit SlowRankWatch(std::size_t n_rank) : n_in_a_row_(n_rank) {}

  /// Takes one sample, (n_rank, 2) of RankTimes. The ranks found slow by it: each once, until a
  /// sample finds it no longer slow.
  std::vector<SlowRank> add(std::span<const double> rank_times);

 private:
  std::vector<int> n_in_a_row_;  ///< slow samples by rank
};

}  // namespace isoflop
