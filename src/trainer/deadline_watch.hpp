// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/train_config.hpp"
#include "trainer/run_schedule.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace isoflop {

/// Rank 0's view of a run with a deadline: measures the pace and says when the decay has to begin.
/// Times are seconds of the clock that the deadline is on.
class DeadlineWatch {
 public:
  /// `eval.sequences` are those that an evaluation really looks at.
  DeadlineWatch(double deadline_s, const EvalConfig& eval);

  /// The host is about to enqueue `step`.
  void begin_step(int64_t step, int64_t batch_size, double now_s);
  /// An evaluation since then took so long.
  void evaluated(double seconds);
  /// StepVotes::decay of the step begun last.
  double vote(const RunSchedule& schedule) const;

 private:
  /// From the begin of one step to that of the next, evaluations left out.
  struct Lap {
    double seconds = 0;
    int64_t samples = 0;
  };
  static constexpr int64_t kWindow = 50;  // laps that the pace is the mean of

  double seconds_per_sample() const;
  double evaluation_seconds() const;
  TimeLeft time_left(const RunSchedule& schedule) const;

  double deadline_s_;
  EvalConfig eval_;
  std::array<Lap, kWindow> laps_{};
  int64_t n_laps_ = 0;
  int64_t step_ = 0;                    ///< begun last
  int64_t samples_ = 0;                 ///< of step_
  double begin_s_ = 0;                  ///< of step_
  double paused_s_ = 0;                 ///< evaluations since then
  std::optional<double> evaluation_s_;  ///< of the last evaluation
};

}  // namespace isoflop
