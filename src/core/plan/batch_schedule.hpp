// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>

namespace isoflop {

/// The batch starts at `start` sequences and rises by `increment` in equal stretches, so that the
/// step after `steps` is the first of the full batch. Small batches while the gradient's noise is
/// small beside it: Smith et al., arXiv:1711.00489; GPT-3, arXiv:2005.14165, section 2.3.
struct BatchRamp {
  int64_t start = 0;      ///< sequences
  int64_t increment = 0;  ///< sequences; divides what is missing to the full batch
  int64_t steps = 0;      ///< a multiple of the number of increments

  bool operator==(const BatchRamp&) const = default;
};

/// How many sequences each optimizer step trains on. Steps count from 1. Says nothing about ranks:
/// the samples of a step are the same however they are spread.
class BatchSchedule {
 public:
  /// `ramp`, when there is one, must lead to `full_batch_size`.
  explicit BatchSchedule(int64_t full_batch_size,
                         const std::optional<BatchRamp>& ramp = std::nullopt);

  int64_t batch_size(int64_t step) const;
  /// Sequences of all steps before `step`; at most step x full batch, which the caller keeps below
  /// 2^63.
  int64_t samples_before(int64_t step) const;
  /// The fewest steps that train on at least `samples` sequences, absent beyond 2^31 - 1.
  std::optional<int64_t> steps_for(int64_t samples) const;
  /// The first batch size, in order of steps, that is not a multiple of `sequences`.
  std::optional<int64_t> first_size_not_multiple_of(int64_t sequences) const;

 private:
  /// Increments made before `step`.
  int64_t stage(int64_t step) const;

  int64_t start_;
  int64_t increment_ = 0;
  int64_t n_increments_ = 0;
  int64_t steps_per_stage_ = 1;
};

}  // namespace isoflop
