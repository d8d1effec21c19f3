// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/clock.hpp"
#include "trainer/console/remaining_time.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace isoflop {

/// Where a run stands after a step.
struct Progress {
  int64_t step = 0;
  int64_t last_step = 0;
  double loss = 0;  ///< nats per token; may be not finite
  double tokens_per_s = 0;
  std::optional<double> mfu = std::nullopt;     ///< fraction
  std::optional<double> left_s = std::nullopt;  ///< until the run's end
};

/// "[=====>     ]  52 %  480/920  loss 1.3423  56.9 k tok/s  67.0 % MFU  ETA 1 min 12 s", at most
/// `columns` - 1 wide: what does not fit is left out from the end, the bar takes what is over.
std::string progress_text(const Progress& progress, int columns);

/// The progress bar of rank 0: one line below the log, drawn again at most ten times a second. No
/// colours, no escape sequences.
class ProgressBar {
 public:
  /// A run with a deadline (Unix time) ends by then. `config` and `schedule` must outlive it.
  ProgressBar(const TrainConfig& config, const RunSchedule& schedule,
              std::optional<double> deadline_s = std::nullopt, Clock clock = steady_time);
  /// Removes the line.
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// `progress` without its last_step and left_s.
  void show(Progress progress, double step_s);
  void add_evaluation(double seconds) { remaining_.add_evaluation(seconds); }
  void add_checkpoint(double stall_s) { remaining_.add_checkpoint(stall_s); }

 private:
  const RunSchedule& schedule_;
  RemainingTime remaining_;
  std::optional<double> deadline_s_;
  Clock clock_;
  std::optional<double> drawn_at_;
};

/// The bar that log.progress asks for, or none; for rank 0.
std::unique_ptr<ProgressBar> make_progress_bar(const TrainConfig& config,
                                               const RunSchedule& schedule,
                                               std::optional<double> deadline_s);

}  // namespace isoflop
