// SPDX-License-Identifier: MIT
#include "trainer/telemetry/recorder.hpp"

#include "core/base/format.hpp"
#include "core/base/log.hpp"
#include "core/model/flops.hpp"
#include "core/model/param_count.hpp"
#include "trainer/clock.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace isoflop {
namespace {

constexpr double kGib = 1024.0 * 1024.0 * 1024.0;
constexpr int64_t kGradientInterval = 10;  // steps between rows of gradient statistics
constexpr int64_t kWarmupForSpikes = 20;   // steps before a loss can count as a spike
constexpr double kSpikeDeviations = 6.0;

float gib(int64_t bytes) { return static_cast<float>(static_cast<double>(bytes) / kGib); }

std::string loss_text(double loss) {
  return std::isfinite(loss) ? fmt::format("{:.4f}", loss) : "not finite";
}

bool was_skipped(const StepMeasurement& measurement) {
  return measurement.readback.output.skip != 0;
}

/// Sums over all tensors of the (n, 3) statistics, of gradients without the loss scale.
struct Totals {
  double sum = 0;
  double sum_of_squares = 0;
  double nonfinite = 0;
};

Totals total_of(const StepReadback& readback) {
  const std::span<const double> sums = readback.sums;
  const double scale = readback.output.loss_scale;
  Totals totals;
  for (std::size_t row = 0; row < sums.size(); row += 3) {
    totals.sum += sums[row] / scale;
    totals.sum_of_squares += sums[row + 1] / (scale * scale);
    totals.nonfinite += sums[row + 2];
  }
  return totals;
}

/// Column `column` of the (n, 2) extremes, largest value, without the loss scale.
double largest(const StepReadback& readback, std::size_t column) {
  double result = -std::numeric_limits<double>::infinity();
  for (std::size_t row = 0; row < readback.extremes.size(); row += 2)
    result = std::max(result, readback.extremes[row + column]);
  return result / readback.output.loss_scale;
}

}  // namespace

Recorder::Recorder(const TrainConfig& config, const RunSchedule& schedule, int world_size,
                   std::vector<int64_t> unit_of_tensor, std::optional<RunWriter> writer)
    : config_(config),
      schedule_(schedule),
      world_size_(world_size),
      unit_of_tensor_(std::move(unit_of_tensor)),
      writer_(std::move(writer)),
      flops_per_token_(train_flops_per_token(config.model, config.data.seq_len)),
      n_parameters_(count_params(config.model).total()) {}

int64_t Recorder::tokens_of(int64_t step) const {
  return schedule_.batches().batch_size(step) * config_.data.seq_len;
}

int64_t Recorder::tokens_through(int64_t step) const {
  return schedule_.batches().samples_before(step + 1) * config_.data.seq_len;
}

double Recorder::loss(const StepMeasurement& measurement) const {
  return measurement.readback.output.loss_sum / static_cast<double>(tokens_of(measurement.step));
}

double Recorder::tokens_per_s(const StepMeasurement& measurement) const {
  return static_cast<double>(tokens_of(measurement.step)) / measurement.times.step;
}

double Recorder::tflops_per_rank(const StepMeasurement& measurement) const {
  return tokens_per_s(measurement) * flops_per_token_ / world_size_ / 1e12;
}

void Recorder::record_loss_scale(const StepMeasurement& measurement) {
  const double scale = measurement.readback.output.loss_scale;
  if (loss_scale_ && scale != *loss_scale_) {
    const std::string text = fmt::format("loss scale {:g}, was {:g}", scale, *loss_scale_);
    log::info("step {}/{}  {}", measurement.step, schedule_.last_step(), text);
    record_event(EventKind::loss_scale, measurement.step, 0, text);
  }
  loss_scale_ = scale;
}

void Recorder::record(const StepMeasurement& measurement) {
  record_loss_scale(measurement);
  StepRecord row = make_step_record(measurement);
  const double step_loss = loss(measurement);
  const bool usable = std::isfinite(step_loss) && !was_skipped(measurement);
  skipped_in_a_row_ = usable ? 0 : skipped_in_a_row_ + 1;
  if (!usable) {
    row.flags |= kStepSkipped;
    record_event(std::isfinite(step_loss) ? EventKind::skipped_step : EventKind::nan,
                 measurement.step, 0,
                 fmt::format("update skipped: loss {}, {} non-finite gradient elements",
                             loss_text(step_loss), measurement.readback.output.nonfinite));
  } else {
    const double deviation = std::sqrt(running_loss_.variance());
    if (running_loss_.count() >= kWarmupForSpikes &&
        step_loss > running_loss_.mean() + kSpikeDeviations * deviation)
      row.flags |= kStepSpike;
    running_loss_.add(step_loss);
    row.loss_mean = static_cast<float>(running_loss_.mean());
    row.loss_var = static_cast<float>(running_loss_.variance());
  }
  if (writer_) writer_->append(row);
  const int64_t step = last_step_ = measurement.step;
  if (step % kGradientInterval == 0 || step == 1) record_gradients(measurement);
  if (step % config_.run.log_interval == 0 || step == 1 || step == schedule_.last_step())
    print_progress(measurement);
}

StepRecord Recorder::make_step_record(const StepMeasurement& measurement) const {
  const StepState::Output& output = measurement.readback.output;
  StepRecord row;
  row.step = measurement.step;
  row.time = system_time();
  row.tokens = tokens_through(measurement.step);
  if (std::isfinite(loss(measurement))) row.loss = static_cast<float>(loss(measurement));
  row.lr = static_cast<float>(schedule_.learning_rate(measurement.step));
  if (std::isfinite(output.grad_norm)) row.grad_norm = static_cast<float>(output.grad_norm);
  if (config_.precision == Precision::fp16) row.loss_scale = static_cast<float>(output.loss_scale);
  row.step_s = static_cast<float>(measurement.times.step);
  row.data_s = static_cast<float>(measurement.times.data);
  row.forward_s = static_cast<float>(measurement.times.forward);
  row.backward_s = static_cast<float>(measurement.times.backward);
  row.comm_s = static_cast<float>(measurement.exposed_communication_s);
  row.optimizer_s = static_cast<float>(measurement.times.optimizer);
  row.tokens_per_s = static_cast<float>(tokens_per_s(measurement));
  row.tflops = static_cast<float>(tflops_per_rank(measurement));
  if (config_.device.peak_tflops)
    row.mfu = static_cast<float>(tflops_per_rank(measurement) / *config_.device.peak_tflops);
  row.mem_allocated_gib = gib(measurement.memory.allocated);
  row.mem_peak_gib = gib(measurement.memory.peak);
  row.mem_reserved_gib = gib(measurement.memory.reserved);
  return row;
}

void Recorder::record_gradients(const StepMeasurement& measurement) {
  if (!writer_) return;
  const StepReadback& readback = measurement.readback;
  const Totals totals = total_of(readback);
  GradientRecord row;
  row.step = measurement.step;
  row.time = system_time();
  row.nonfinite = static_cast<int64_t>(totals.nonfinite);
  const auto n = static_cast<double>(n_parameters_);
  row.norm = static_cast<float>(std::sqrt(totals.sum_of_squares));
  row.mean = static_cast<float>(totals.sum / n);
  row.std = static_cast<float>(
      std::sqrt(std::max(0.0, totals.sum_of_squares / n - (totals.sum / n) * (totals.sum / n))));
  row.min = static_cast<float>(-largest(readback, 0));
  row.max = static_cast<float>(largest(readback, 1));
  writer_->append(row);

  LayerNormRecord layers;
  layers.step = measurement.step;
  std::vector<double> squares(static_cast<std::size_t>(unit_of_tensor_.back() + 1));
  for (std::size_t tensor = 0; tensor < unit_of_tensor_.size(); ++tensor) {
    squares[static_cast<std::size_t>(unit_of_tensor_[tensor])] += readback.sums[3 * tensor + 1];
  }
  for (const double square : squares)
    layers.gradient.push_back(static_cast<float>(std::sqrt(square) / readback.output.loss_scale));
  layers.parameter.assign(squares.size(),
                          std::numeric_limits<float>::quiet_NaN());  // not measured by this version
  layers.update = layers.parameter;
  writer_->append(layers);
}

void Recorder::print_progress(const StepMeasurement& measurement) const {
  std::string line = fmt::format(
      "step {}/{}  loss {}  lr {:.2e}  {}  {} tok/s", measurement.step, schedule_.last_step(),
      loss_text(loss(measurement)), schedule_.learning_rate(measurement.step),
      format_duration(measurement.times.step), format_count(tokens_per_s(measurement)));
  if (config_.device.peak_tflops)
    line +=
        "  " + format_percent(tflops_per_rank(measurement) / *config_.device.peak_tflops) + " MFU";
  log::info("{}", line);
}

void Recorder::record_evaluation(int64_t step, const EvalResult& result) {
  log::info("step {}/{}  validation loss {}  ({} tokens, {})", step, schedule_.last_step(),
            loss_text(result.loss), format_count(static_cast<double>(result.n_tokens)),
            format_duration(result.seconds));
  last_evaluation_finite_ = std::isfinite(result.loss);
  if (!writer_) return;
  EvalRecord row;
  row.step = step;
  row.time = system_time();
  row.tokens = tokens_through(step);
  if (std::isfinite(result.loss)) row.loss = result.loss;
  row.n_tokens = result.n_tokens;
  row.seconds = static_cast<float>(result.seconds);
  writer_->append(row);
}

void Recorder::record_rank_times(int64_t step, const std::vector<double>& step_s) {
  if (!writer_) return;
  RankTimesRecord row;
  row.step = step;
  for (const double seconds : step_s) row.step_s.push_back(static_cast<float>(seconds));
  writer_->append(row);
}

void Recorder::record_event(EventKind kind, int64_t step, int32_t code, const std::string& text) {
  if (!writer_) return;
  RunEvent event;
  event.time = system_time();
  event.step = step;
  event.kind = kind;
  event.code = code;
  event.text = text;
  writer_->append(event);
}

void Recorder::finish(RunState state) {
  if (!writer_) return;
  writer_->set_state(state);
  writer_->close();
}

}  // namespace isoflop
