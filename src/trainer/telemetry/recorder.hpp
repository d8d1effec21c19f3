// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/train_config.hpp"
#include "core/run/run_writer.hpp"
#include "trainer/backend/memory_category.hpp"
#include "trainer/comm/process_grid.hpp"
#include "trainer/evaluate.hpp"
#include "trainer/fsdp/flat_shard.hpp"
#include "trainer/run_schedule.hpp"
#include "trainer/step_io.hpp"
#include "trainer/telemetry/running_loss.hpp"
#include "trainer/telemetry/step_timer.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// Everything measured of one finished step.
struct StepMeasurement {
  int64_t step = 0;
  StepReadback readback;
  PhaseTimes times;
  double exposed_communication_s = 0;
  MemoryUsage memory;
};

/// Turns measurements into rows of the run file and progress lines. Lives on every rank; only rank
/// 0 holds a file.
class Recorder {
 public:
  /// `unit_of_tensor` maps each row of the gradient statistics to its parameter unit.
  Recorder(const TrainConfig& config, const RunSchedule& schedule, int world_size,
           std::vector<int64_t> unit_of_tensor, std::optional<RunWriter> writer);

  void record(const StepMeasurement& measurement);
  void record_evaluation(int64_t step, const EvalResult& result);
  void record_rank_times(int64_t step, const std::vector<double>& step_s);
  void record_event(EventKind kind, int64_t step, int32_t code, const std::string& text);
  /// Records the state and everything so far, and closes the file.
  void finish(RunState state);

  /// Steps in a row whose update was skipped because gradients were not finite.
  int64_t skipped_in_a_row() const { return skipped_in_a_row_; }
  /// Whether the last step's update was applied and the last evaluation gave a finite loss.
  bool ended_finite() const { return skipped_in_a_row_ == 0 && last_evaluation_finite_; }
  /// The last step recorded, 0 before the first.
  int64_t last_step() const { return last_step_; }

 private:
  int64_t tokens_of(int64_t step) const;
  int64_t tokens_through(int64_t step) const;
  double loss(const StepMeasurement& measurement) const;
  StepRecord make_step_record(const StepMeasurement& measurement) const;
  /// Says when it is not that of the step before.
  void record_loss_scale(const StepMeasurement& measurement);
  void record_gradients(const StepMeasurement& measurement);
  void print_progress(const StepMeasurement& measurement) const;
  double tokens_per_s(const StepMeasurement& measurement) const;
  /// Achieved model TFLOP/s of one rank.
  double tflops_per_rank(const StepMeasurement& measurement) const;

  const TrainConfig& config_;
  const RunSchedule& schedule_;
  int world_size_;
  std::vector<int64_t> unit_of_tensor_;
  std::optional<RunWriter> writer_;
  double flops_per_token_;
  int64_t n_parameters_;
  RunningLoss running_loss_;
  std::optional<double> loss_scale_;  ///< of the last step
  int64_t skipped_in_a_row_ = 0;
  int64_t last_step_ = 0;
  bool last_evaluation_finite_ = true;
};

}  // namespace isoflop
