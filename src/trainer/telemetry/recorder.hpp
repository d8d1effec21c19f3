// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/layout.hpp"
#include "core/plan/train_config.hpp"
#include "core/run/run_writer.hpp"
#include "trainer/comm/process_grid.hpp"
#include "trainer/console/progress_bar.hpp"
#include "trainer/evaluate.hpp"
#include "trainer/health/status_file.hpp"
#include "trainer/run_schedule.hpp"
#include "trainer/telemetry/gradient_rows.hpp"
#include "trainer/telemetry/running_loss.hpp"
#include "trainer/telemetry/slow_rank_watch.hpp"
#include "trainer/telemetry/step_measurement.hpp"
#include "trainer/telemetry/step_rates.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace isoflop {

/// Turns measurements into rows of the run file and progress lines. Lives on every rank; only rank
/// 0 holds a file.
class Recorder {
 public:
  /// `steps_done` were trained by earlier starts. `unit_of_tensor` maps each row of the gradient
  /// statistics to its parameter unit. `config` and `schedule` must outlive it.
  Recorder(const TrainConfig& config, const RunSchedule& schedule, const Layout& layout,
           std::vector<RankInfo> ranks, std::vector<int64_t> unit_of_tensor,
           std::optional<RunWriter> writer, int64_t steps_done = 0);

  /// Each step is told to `status` from now on, which must outlive this; checkpoints and
  /// evaluations have it written.
  void report_to(StatusFile& status) { status_ = &status; }
  /// None: no progress bar.
  void show_on(std::unique_ptr<ProgressBar> progress_bar) { bar_ = std::move(progress_bar); }
  void record(const StepMeasurement& measurement);
  void record_evaluation(int64_t step, const EvalResult& result);
  /// Of a checkpoint that came to an end; its tokens are filled in.
  void record_checkpoint(CheckpointRecord record);
  void record_event(EventKind kind, int64_t step, int32_t code, const std::string& text);
  /// Records the state and everything so far, and closes the file.
  void finish(RunState state);

  /// When the run stands still, from another thread, as the last thing: records it and the state
  /// `failed` and closes the file, unless the thread that trains is in the middle of recording.
  void record_stall(int64_t step, const std::string& text);

  /// Steps in a row whose update was skipped because gradients were not finite.
  int64_t skipped_in_a_row() const { return skipped_in_a_row_; }
  /// Of those steps the first, and the ranks whose own loss was not finite in it: none where it was
  /// all, or only gradients overflowed.
  struct NonFinite {
    int64_t step = 0;
    std::vector<Suspect> ranks;
  };
  const NonFinite& first_skipped() const { return first_skipped_; }
  /// Whether the last step's loss and the last evaluation's were finite, and the last update was
  /// applied; with a dynamic loss scale an overflow may skip any step, the last too.
  bool ended_finite() const;
  /// fp16.
  bool scales_loss() const { return config_.precision == Precision::fp16; }
  /// Of the last step; 1 before the first.
  double loss_scale() const { return loss_scale_.value_or(1.0); }
  /// The last step recorded, by earlier starts before the first.
  int64_t last_step() const { return last_step_; }

 private:
  StepRecord measured_row(const StepMeasurement& measurement) const;
  /// Adds flags and running loss to the row.
  void judge_loss(StepRecord& row, const StepMeasurement& measurement);
  /// Says when it is not that of the step before.
  void record_loss_scale(const StepMeasurement& measurement);
  void record_skipped(const StepMeasurement& measurement);
  /// Those whose loss is not finite, unless that is true of all.
  std::vector<Suspect> culprits(const StepReadback& readback) const;
  void record_spike(int64_t step, double loss);
  void record_gradients(const StepMeasurement& measurement);
  void record_rank_times(const StepReadback& readback);
  void print_progress(const StepMeasurement& measurement) const;
  void draw_progress(const StepMeasurement& measurement);
  template <typename Row>
  void append(const Row& row) {
    const std::lock_guard lock(writer_mutex_);
    if (writer_) writer_->append(row);
  }

  const TrainConfig& config_;
  const RunSchedule& schedule_;
  std::vector<RankInfo> ranks_;
  bool has_file_;
  std::mutex writer_mutex_;          ///< the file is one thread's: see record_stall()
  std::optional<RunWriter> writer_;  ///< guarded by writer_mutex_
  StepRates rates_;
  GradientRows gradient_rows_;
  SlowRankWatch slow_ranks_;
  std::unique_ptr<ProgressBar> bar_;
  RunningLoss running_loss_;
  std::optional<double> loss_scale_;  ///< of the last step
  StatusFile* status_ = nullptr;
  int64_t skipped_steps_ = 0;  ///< of this start, as spikes_
  int64_t skipped_in_a_row_ = 0;
  NonFinite first_skipped_;
  int64_t spikes_ = 0;
  int64_t steps_done_;
  int64_t last_step_;
  bool last_loss_finite_ = true;
  bool last_evaluation_finite_ = true;
};

}  // namespace isoflop
