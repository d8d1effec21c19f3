// SPDX-License-Identifier: MIT
#include "trainer/telemetry/step_rates.hpp"

#include "core/hardware/mfu.hpp"
#include "core/model/flops.hpp"

namespace isoflop {

StepRates::StepRates(const TrainConfig& config, const RunSchedule& schedule, std::size_t n_rank)
    : config_(config),
      schedule_(schedule),
      n_rank_(static_cast<double>(n_rank)),
      flops_per_token_(train_flops_per_token(config.model, config.data.seq_len)) {}

int64_t StepRates::tokens_of(int64_t step) const {
  return schedule_.batches().batch_size(step) * config_.data.seq_len;
}

int64_t StepRates::tokens_through(int64_t step) const {
  return schedule_.batches().samples_before(step + 1) * config_.data.seq_len;
}

double StepRates::loss(const StepMeasurement& measurement) const {
  return measurement.readback.output.loss_sum / static_cast<double>(tokens_of(measurement.step));
}

double StepRates::z_loss(const StepMeasurement& measurement) const {
  return measurement.readback.output.z_loss_sum / static_cast<double>(tokens_of(measurement.step));
}

double StepRates::tokens_per_s(const StepMeasurement& measurement) const {
  return static_cast<double>(tokens_of(measurement.step)) / measurement.times.step;
}

double StepRates::tflops(const StepMeasurement& measurement) const {
  return tokens_per_s(measurement) * flops_per_token_ / n_rank_ / 1e12;
}

std::optional<double> StepRates::mfu(const StepMeasurement& measurement) const {
  if (!config_.device.peak_tflops) return std::nullopt;
  return isoflop::mfu(flops_per_token_, tokens_per_s(measurement) / n_rank_,
                      *config_.device.peak_tflops);
}

}  // namespace isoflop
