// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/train_config.hpp"
#include "trainer/run_schedule.hpp"
#include "trainer/telemetry/step_measurement.hpp"

#include <cstdint>
#include <optional>

namespace isoflop {

/// What follows from a step's measurements and the configuration.
class StepRates {
 public:
  /// `config` and `schedule` must outlive it.
  StepRates(const TrainConfig& config, const RunSchedule& schedule, std::size_t n_rank);

  int64_t tokens_of(int64_t step) const;
  /// Trained when `step` is done.
  int64_t tokens_through(int64_t step) const;
  /// Nats per token.
  double loss(const StepMeasurement& measurement) const;
  /// Nats per token, as it is added to the loss.
  double z_loss(const StepMeasurement& measurement) const;
  /// Of the whole job.
  double tokens_per_s(const StepMeasurement& measurement) const;
  /// Achieved model TFLOP/s of one rank.
  double tflops(const StepMeasurement& measurement) const;
  /// Of the peak of one rank; absent when that is not known.
  std::optional<double> mfu(const StepMeasurement& measurement) const;

 private:
  const TrainConfig& config_;
  const RunSchedule& schedule_;
  double n_rank_;
  double flops_per_token_;
};

}  // namespace isoflop
