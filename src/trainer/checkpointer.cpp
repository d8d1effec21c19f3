// SPDX-License-Identifier: MIT
#include "trainer/checkpointer.hpp"

#include "core/base/build_info.hpp"
#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "core/base/log.hpp"
#include "core/base/text_file.hpp"
#include "trainer/agree.hpp"
#include "trainer/checkpoint/checkpoint_reader.hpp"
#include "trainer/checkpoint/state_file.hpp"

#include <fmt/format.h>

#include <chrono>
#include <exception>
#include <thread>
#include <utility>

namespace isoflop {
namespace {

/// A GPU's state is always copied to the host first.
StateCopy::Mode copy_mode(const CheckpointConfig& config, const Device& device) {
  return config.is_asynchronous(!device.is_host()) || !device.is_host() ? StateCopy::Mode::beside
                                                                        : StateCopy::Mode::in_place;
}

/// Network file systems show files of other nodes late; two minutes for all of them.
void wait_until_visible(const std::filesystem::path& folder, int64_t n_files) {
  const double deadline_s = steady_time() + 120;
  for (int64_t rank = 0; rank < n_files; ++rank)
    while (!std::filesystem::exists(folder / state_file_name(rank)) && steady_time() < deadline_s)
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
}

}  // namespace

Checkpointer::Checkpointer(CheckpointParts parts)
    : config_(parts.config),
      schedule_(parts.schedule),
      launch_(parts.launch),
      device_(parts.device),
      data_crc32_(parts.data_crc32),
      arithmetic_(std::move(parts.arithmetic)),
      algorithms_(std::move(parts.algorithms)),
      clock_(std::move(parts.clock)),
      folder_(config_.checkpoint_folder()),
      copy_(parts.device, std::move(parts.pieces), parts.state, parts.copy_elements,
            copy_mode(config_.checkpoint, parts.device)),
      first_step_(parts.first_step),
      last_{.begin_s = clock_()} {}

void Checkpointer::begin_step(StepState::Input& input) {
  const CheckpointConfig& config = config_.checkpoint;
  const bool due =
      config.by_time() && !under_way_ && clock_() - last_.begin_s >= 60 * config.interval_minutes;
  input.votes.checkpoint = is_first() && due ? 1 : 0;
  input.checkpoint = {.minus_finished = -static_cast<double>(finished_.load()),
                      .failed = static_cast<double>(failed_.load())};
}

void Checkpointer::heard(int64_t step, const StepReadback& readback) {
  if (taken_ && step <= *taken_) return;
  if (readback.output.votes.checkpoint > 0) due_by_time_ = true;
  if (std::exchange(copying_, false)) worker_.post([this, taken = *taken_] { write(taken); });
  if (under_way_ && -readback.checkpoint.minus_finished >= static_cast<double>(*taken_))
    end(readback.checkpoint.failed == static_cast<double>(*taken_));
}

bool Checkpointer::is_due(int64_t step) const {
  if (under_way_) return false;
  const CheckpointConfig& config = config_.checkpoint;
  const int64_t before = taken_.value_or(first_step_ - 1);
  return due_by_time_ || passes_multiple(config.interval, before, step) ||
         passes_multiple(config.milestone_interval, before, step);
}

void Checkpointer::take(int64_t step) {
  last_ = {.step = step, .begin_s = clock_()};
  taken_ = step;
  under_way_ = true;
  due_by_time_ = false;
  copy_.enqueue();
  copying_ = config_.checkpoint.is_asynchronous(!device_.is_host());
  if (!copying_) {
    copy_.wait();
    write(step);
  }
  last_.stall_s = clock_() - last_.begin_s;
}

void Checkpointer::write(int64_t step) {
  try {
    write_or_throw(step);
  } catch (const std::exception& error) {
    failed_ = step;
    log::local(log::Level::warn,
               fmt::format("no checkpoint of step {}: {}; training goes on, the one before is kept",
                           step, error.what()));
  }
  finished_ = step;
}

void Checkpointer::write_or_throw(int64_t step) {
  const RankInfo& info = launch_.info();
  write_state_file(folder_.writing(step) / state_file_name(info.rank),
                   {step, info.rank, info.world_size}, copy_.pieces());
}

void Checkpointer::end(bool failed) {
  under_way_ = false;
  if (!is_first()) return;
  if (failed)
    worker_.post([this, attempt = last_] { give_up(attempt); });
  else
    worker_.post([this, attempt = last_, manifest = manifest()] { commit(attempt, manifest); });
}

/// Of the one taken last; write_index() adds what its files hold.
CheckpointManifest Checkpointer::manifest() const {
  const KeptStepState kept = copy_.kept();
  CheckpointManifest manifest;
  manifest.run = config_.run.name;
  manifest.created = utc_timestamp();
  manifest.creator = fmt::format("trainer {}", build_version());
  manifest.step = *taken_;
  manifest.n_files = launch_.info().world_size;
  manifest.n_update = kept.n_update;
  manifest.loss_scale = kept.loss_scale;
  manifest.decay = schedule_.chosen();
  manifest.data_crc32 = data_crc32_;
  manifest.arithmetic = arithmetic_;
  manifest.algorithms = algorithms_;
  return manifest;
}

void Checkpointer::commit(const Attempt& attempt, const CheckpointManifest& manifest) {
  try {
    commit_or_throw(attempt, manifest);
  } catch (const std::exception& error) {
    log::local(log::Level::warn,
               fmt::format("no checkpoint of step {}: {}; training goes on, the one before is kept",
                           attempt.step, error.what()));
    give_up(attempt);
  }
}

void Checkpointer::commit_or_throw(const Attempt& attempt, CheckpointManifest manifest) {
  const std::filesystem::path writing = folder_.writing(attempt.step);
  wait_until_visible(writing, manifest.n_files);
  write_index(writing, manifest);
  write_text_file(writing / kCheckpointConfigName,
                  write_train_config(config_, "configuration of the run of this checkpoint"));
  write_manifest(writing, manifest);
  folder_.commit(attempt.step);
  add_record(attempt, manifest.bytes, true);
  folder_.prune(config_.checkpoint);
}

void Checkpointer::give_up(const Attempt& attempt) {
  add_record(attempt, 0, false);
  folder_.remove_unfinished(attempt.step);
}

void Checkpointer::add_record(const Attempt& attempt, int64_t bytes, bool ok) {
  const std::lock_guard lock(mutex_);
  CheckpointRecord record;
  record.step = attempt.step;
  record.time = system_time();
  record.write_s = static_cast<float>(clock_() - attempt.begin_s);
  record.stall_s = static_cast<float>(attempt.stall_s);
  record.bytes = bytes;
  record.ok = ok;
  record.path = folder_.of(attempt.step).string();
  ended_.push_back(record);
  if (ok) last_committed_ = attempt.step;
}

std::vector<CheckpointRecord> Checkpointer::ended() {
  const std::lock_guard lock(mutex_);
  return std::exchange(ended_, {});
}

void Checkpointer::finish() {
  device_.synchronize(device_.record(device_.compute_stream()));
  device_.synchronize(device_.record(device_.communication_stream()));
  if (std::exchange(copying_, false)) {
    copy_.wait();
    worker_.post([this, taken = *taken_] { write(taken); });
  }
  worker_.wait();
  if (!under_way_) return;
  end(launch_.max_over_ranks(failed_.load() == *taken_ ? 1 : 0) > 0);
  worker_.wait();
}

void Checkpointer::save_last(int64_t step) {
  finish();
  const bool is_saved = last_committed_ == step;
  if (launch_.max_over_ranks(is_saved ? 1 : 0) > 0) return;
  last_ = {.step = step, .begin_s = clock_()};
  taken_ = step;
  copy_.enqueue();
  copy_.wait();
  run_on_all_ranks(launch_, [&] { write_or_throw(step); });
  last_.stall_s = clock_() - last_.begin_s;
  run_on_all_ranks(launch_, [&] {
    if (is_first()) commit_or_throw(last_, manifest());
  });
}

}  // namespace isoflop
