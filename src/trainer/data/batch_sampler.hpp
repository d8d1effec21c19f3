// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/data/token_windows.hpp"

#include <cstdint>
#include <span>

namespace isoflop {

/// One rank's part of one micro step.
struct BatchSlice {
  int64_t samples_before = 0;  ///< of all steps before this one
  int64_t micro_step = 0;
  int64_t rank = 0;     ///< among the data-parallel ranks
  int64_t n_ranks = 1;  ///< data-parallel ranks
  int64_t micro_batch_size = 1;
};

/// The number of the slice's first sample; its other samples follow. Samples of a run are numbered
/// from 0: step by step, within a step micro step by micro step, within that rank by rank. A step
/// therefore trains on the same samples however they are dealt to ranks and micro steps.
int64_t first_sample(const BatchSlice& slice);

/// The order in which a run sees the training windows: a new permutation of all windows each epoch.
/// Sample i is position i mod n_windows of epoch i / n_windows, the window there is
/// Permutation(n_windows, hash(seed, epoch))(position). A pure function of (seed, i): ranks need
/// not talk, and a resumed run needs only the number of its next sample.
class BatchSampler {
 public:
  BatchSampler(TokenWindows windows, uint64_t seed);

  const TokenWindows& windows() const { return windows_; }
  /// The window of sample `sample`, which is not negative.
  int64_t window_of(int64_t sample) const;

  /// Copies samples [first, first + n): both spans hold n rows of seq_len tokens, (n, T).
  void read(int64_t first, std::span<int32_t> inputs, std::span<int32_t> targets) const;

 private:
  TokenWindows windows_;
  uint64_t seed_;
};

}  // namespace isoflop
