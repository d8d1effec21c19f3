// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/run_schedule.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace isoflop {

/// How long a run will still take: its steps at the median time per token of the last ones, its
/// evaluations and checkpoints at the mean of those so far (nothing before the first of a kind).
class RemainingTime {
 public:
  /// `config` and `schedule` must outlive it.
  RemainingTime(const TrainConfig& config, const RunSchedule& schedule);

  void add_step(int64_t step, double seconds);
  void add_evaluation(double seconds) { evaluations_.add(seconds); }
  /// What training waited for one.
  void add_checkpoint(double stall_s) { checkpoints_.add(stall_s); }

  /// Seconds from the end of `step` to that of the run; absent before a step was timed.
  std::optional<double> after(int64_t step) const;

 private:
  struct Mean {
    double sum = 0;
    int64_t n = 0;
    void add(double value) { sum += value, ++n; }
    double value() const { return n > 0 ? sum / static_cast<double>(n) : 0; }
  };
  double steps_after(int64_t step) const;
  int64_t evaluations_after(int64_t step) const;
  /// `seconds` are those until the run's end without checkpoints.
  double checkpoints_after(int64_t step, double seconds) const;

  const TrainConfig& config_;
  const RunSchedule& schedule_;
  std::vector<double> seconds_per_sample_;  ///< of the last steps, a ring
  std::size_t next_ = 0;
  Mean evaluations_;
  Mean checkpoints_;
};

}  // namespace isoflop
