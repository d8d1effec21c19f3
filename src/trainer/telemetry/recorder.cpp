// SPDX-License-Identifier: MIT
#include "trainer/telemetry/recorder.hpp"

#include "core/base/format.hpp"
#include "core/base/log.hpp"
#include "core/model/param_count.hpp"
#include "trainer/clock.hpp"

#include <fmt/format.h>

#include <cmath>
#include <utility>

namespace isoflop {
namespace {

float gib(double bytes) { return static_cast<float>(bytes / kGiB); }

std::string loss_text(double loss) {
  return std::isfinite(loss) ? fmt::format("{:.4f}", loss) : "not finite";
}

}  // namespace

Recorder::Recorder(const TrainConfig& config, const RunSchedule& schedule, const Layout& layout,
                   std::vector<RankInfo> ranks, std::vector<int64_t> unit_of_tensor,
                   std::optional<RunWriter> writer, int64_t steps_done)
    : config_(config),
      schedule_(schedule),
      ranks_(std::move(ranks)),
      has_file_(writer.has_value()),
      writer_(std::move(writer)),
      rates_(config, schedule, ranks_.size()),
      gradient_rows_(std::move(unit_of_tensor), count_params(config.model).total(),
                     layout.n_replica),
      slow_ranks_(ranks_.size()),
      steps_done_(steps_done),
      last_step_(steps_done) {}

void Recorder::record(const StepMeasurement& measurement) {
  const int64_t step = last_step_ = measurement.step;
  record_loss_scale(measurement);
  StepRecord row = measured_row(measurement);
  if (measurement.follows_checkpoint) row.flags |= kStepCheckpoint;
  judge_loss(row, measurement);
  append(row);
  if (status_) status_->step_ended({step, skipped_steps_, spikes_}, schedule_.last_step());
  if (has_file_ && config_.metrics.due(step)) record_gradients(measurement);
  const StepReadback& readback = measurement.readback;
  if (readback.rank_times_step > 0 && config_.metrics.due(readback.rank_times_step))
    record_rank_times(readback);
  if (step % config_.run.log_interval == 0 || step == steps_done_ + 1 ||
      step == schedule_.last_step())
    print_progress(measurement);
  if (bar_) draw_progress(measurement);
}

StepRecord Recorder::measured_row(const StepMeasurement& measurement) const {
  const StepState::Output& output = measurement.readback.output;
  StepRecord row;
  row.step = measurement.step;
  row.time = system_time();
  row.tokens = rates_.tokens_through(measurement.step);
  const double loss = rates_.loss(measurement);
  if (std::isfinite(loss)) row.loss = static_cast<float>(loss);
  if (config_.model.z_loss > 0) row.z_loss = static_cast<float>(rates_.z_loss(measurement));
  row.lr = static_cast<float>(schedule_.learning_rate(measurement.step));
  if (std::isfinite(output.grad_norm)) row.grad_norm = static_cast<float>(output.grad_norm);
  if (scales_loss()) row.loss_scale = static_cast<float>(output.loss_scale);
  row.step_s = static_cast<float>(measurement.times.step);
  row.data_s = static_cast<float>(measurement.times.data);
  row.forward_s = static_cast<float>(measurement.times.forward);
  row.backward_s = static_cast<float>(measurement.times.backward);
  row.comm_s = static_cast<float>(measurement.exposed_communication_s);
  row.optimizer_s = static_cast<float>(measurement.times.optimizer);
  row.tokens_per_s = static_cast<float>(rates_.tokens_per_s(measurement));
  row.tflops = static_cast<float>(rates_.tflops(measurement));
  if (const auto mfu = rates_.mfu(measurement)) row.mfu = static_cast<float>(*mfu);
  row.mem_allocated_gib = gib(measurement.readback.memory.allocated);
  row.mem_peak_gib = gib(measurement.readback.memory.peak);
  row.mem_reserved_gib = gib(measurement.readback.memory.reserved);
  return row;
}

void Recorder::judge_loss(StepRecord& row, const StepMeasurement& measurement) {
  const double loss = rates_.loss(measurement);
  last_loss_finite_ = std::isfinite(loss);
  const bool usable = last_loss_finite_ && !measurement.was_skipped();
  skipped_in_a_row_ = usable ? 0 : skipped_in_a_row_ + 1;
  if (!usable) {
    ++skipped_steps_;
    row.flags |= kStepSkipped;
    record_skipped(measurement);
    return;
  }
  if (running_loss_.is_spike(loss, config_.health.spike_sigma)) {
    ++spikes_;
    row.flags |= kStepSpike;
    record_spike(measurement.step, loss);
  }
  running_loss_.add(loss);
  row.loss_mean = static_cast<float>(running_loss_.mean());
  row.loss_var = static_cast<float>(running_loss_.variance());
}

void Recorder::record_skipped(const StepMeasurement& measurement) {
  const double loss = rates_.loss(measurement);
  const std::vector<Suspect> ranks = culprits(measurement.readback);
  if (skipped_in_a_row_ == 1) first_skipped_ = {measurement.step, ranks};
  std::string text = fmt::format("update skipped: loss {}, {} non-finite gradient elements",
                                 loss_text(loss), measurement.readback.output.nonfinite);
  if (!ranks.empty()) text += "; loss of " + describe(ranks);
  record_event(std::isfinite(loss) ? EventKind::skipped_step : EventKind::nan, measurement.step,
               ranks.empty() ? 0 : *ranks.front().rank, text);
}

std::vector<Suspect> Recorder::culprits(const StepReadback& readback) const {
  std::vector<Suspect> ranks;
  for (std::size_t rank = 0; rank < readback.rank_losses.size(); ++rank)
    if (!std::isfinite(readback.rank_losses[rank]))
      ranks.push_back({static_cast<int>(rank), ranks_[rank].host});
  return ranks.size() < ranks_.size() ? ranks : std::vector<Suspect>{};
}

void Recorder::record_spike(int64_t step, double loss) {
  const std::string text =
      fmt::format("spike of the loss: {:.4f}, {:.1f} deviations above its running mean {:.4f}",
                  loss, running_loss_.deviations_above_mean(loss), running_loss_.mean());
  log::warn("step {}/{}  {}", step, schedule_.last_step(), text);
  record_event(EventKind::spike, step, 0, text);
}

bool Recorder::ended_finite() const {
  const bool updated = skipped_in_a_row_ == 0 || scales_loss();
  return last_loss_finite_ && last_evaluation_finite_ && updated;
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

void Recorder::record_gradients(const StepMeasurement& measurement) {
  append(gradient_rows_.of_all(measurement.step, measurement.readback));
  append(gradient_rows_.of_units(measurement.step, measurement.readback));
}

void Recorder::record_rank_times(const StepReadback& readback) {
  RankTimesRecord row;
  row.step = readback.rank_times_step;
  for (std::size_t rank = 0; rank < ranks_.size(); ++rank) {
    row.step_s.push_back(static_cast<float>(readback.rank_times[2 * rank]));
    row.comm_s.push_back(static_cast<float>(readback.rank_times[2 * rank + 1]));
  }
  append(row);
  for (const SlowRank& slow : slow_ranks_.add(readback.rank_times)) {
    const std::string text = fmt::format(
        "rank {} on {} is slow: {} a step without waiting, {:.1f} times the median rank's {}",
        slow.rank, ranks_[slow.rank].host, format_duration(slow.own_s), slow.own_s / slow.median_s,
        format_duration(slow.median_s));
    log::warn("step {}/{}  {}; the others wait for it: check that node, or leave it out", row.step,
              schedule_.last_step(), text);
    record_event(EventKind::slow_rank, row.step, static_cast<int32_t>(slow.rank), text);
  }
}

void Recorder::print_progress(const StepMeasurement& measurement) const {
  std::string line = fmt::format(
      "step {}/{}  loss {}  lr {:.2e}  {}  {} tok/s", measurement.step, schedule_.last_step(),
      loss_text(rates_.loss(measurement)), schedule_.learning_rate(measurement.step),
      format_duration(measurement.times.step), format_count(rates_.tokens_per_s(measurement)));
  if (config_.model.z_loss > 0) line += fmt::format("  z-loss {:.4g}", rates_.z_loss(measurement));
  if (const auto mfu = rates_.mfu(measurement)) line += "  " + format_percent(*mfu) + " MFU";
  log::info("{}", line);
}

void Recorder::draw_progress(const StepMeasurement& measurement) {
  bar_->show({.step = measurement.step,
              .loss = rates_.loss(measurement),
              .tokens_per_s = rates_.tokens_per_s(measurement),
              .mfu = rates_.mfu(measurement)},
             measurement.times.step);
}

void Recorder::record_evaluation(int64_t step, const EvalResult& result) {
  if (bar_) bar_->add_evaluation(result.seconds);
  log::info("step {}/{}  validation loss {}  ({} tokens, {})", step, schedule_.last_step(),
            loss_text(result.loss), format_count(static_cast<double>(result.n_tokens)),
            format_duration(result.seconds));
  last_evaluation_finite_ = std::isfinite(result.loss);
  EvalRecord row;
  row.step = step;
  row.time = system_time();
  row.tokens = rates_.tokens_through(step);
  if (std::isfinite(result.loss)) row.loss = result.loss;
  row.n_tokens = result.n_tokens;
  row.seconds = static_cast<float>(result.seconds);
  append(row);
  if (status_) status_->touch();
}

void Recorder::record_checkpoint(CheckpointRecord record) {
  record.tokens = rates_.tokens_through(record.step);
  append(record);
  if (bar_ && record.stall_s) bar_->add_checkpoint(*record.stall_s);
  if (!record.ok) {
    record_event(EventKind::checkpoint, record.step, 1, "not written");
    return;
  }
  const std::string text =
      fmt::format("checkpoint of step {}: {} in {}, training waited {}", record.step,
                  format_bytes(record.bytes), format_duration(*record.write_s),
                  format_duration(*record.stall_s));
  log::info("step {}/{}  {}", record.step, schedule_.last_step(), text);
  record_event(EventKind::checkpoint, record.step, 0, text);
  if (status_) status_->touch();
}

void Recorder::record_event(EventKind kind, int64_t step, int32_t code, const std::string& text) {
  append(RunEvent{.time = system_time(), .step = step, .kind = kind, .code = code, .text = text});
}

/// HDF5 sees one thread at a time, whichever it is.
void Recorder::record_stall(int64_t step, const std::string& text) {
  const std::unique_lock lock(writer_mutex_, std::try_to_lock);
  if (!lock || !writer_) return;
  writer_->append(
      RunEvent{.time = system_time(), .step = step, .kind = EventKind::hang, .text = text});
  writer_->set_state(RunState::failed);
  writer_.reset();
}

void Recorder::finish(RunState state) {
  const std::lock_guard lock(writer_mutex_);
  if (!writer_) return;
  writer_->set_state(state);
  writer_->close();
}

}  // namespace isoflop
