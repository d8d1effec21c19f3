// SPDX-License-Identifier: MIT
#include "trainer/health/status_file.hpp"

#include "core/base/error.hpp"
#include "core/base/file_failure.hpp"
#include "core/base/log.hpp"
#include "core/base/text_file.hpp"
#include "trainer/checkpoint/checkpoint_folder.hpp"
#include "trainer/checkpoint/run_lock.hpp"
#include "trainer/comm/launcher.hpp"
#include "trainer/health/activity.hpp"

#include <fmt/format.h>

#include <charconv>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

/// An evaluation every step is no reason to write as often.
constexpr double kTouchSeconds = 5;

std::optional<int> number_in(const std::optional<std::string>& text) {
  int value = 0;
  if (!text) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  return error == std::errc() ? std::optional(value) : std::nullopt;
}

}  // namespace

StatusFile::StatusFile(std::optional<RunPlace> run, Clock clock)
    : run_(std::move(run)), clock_(std::move(clock)) {
  if (run_) {
    status_.run = run_->name;
    checkpoints_ = run_->out / (run_->name + ".checkpoints");
  }
  status_.host = node_name(process_environment);
  status_.pid = getpid();
  status_.job = process_environment("SLURM_JOB_ID").value_or("");
  status_.restarts = number_in(process_environment("SLURM_RESTART_COUNT"));
  status_.started = clock_();
}

void StatusFile::set_place(const RankInfo& info) {
  const std::lock_guard lock(mutex_);
  status_.rank = info.rank;
  status_.host = info.host;
}

void StatusFile::claim(const TrainConfig& config) {
  {
    const std::lock_guard lock(mutex_);
    is_claimed_ = true;
    checkpoints_ = config.checkpoint_folder();
    saves_at_end_ = config.checkpoint.at_end;
    status_.last_step = config.schedule.steps;
  }
  last_posted_ = clock_();
  if (is_first()) write(nullptr);
}

void StatusFile::begin(int64_t steps_done, const std::optional<RunSegment>& segment) {
  {
    const std::lock_guard lock(mutex_);
    status_.step = status_.resumed_from_step = steps_done;
    status_.segment = segment;
  }
  post_write();
}

void StatusFile::step_ended(const StepNews& news, int64_t last_step) {
  const std::lock_guard lock(mutex_);
  status_.step = news.step;
  status_.last_step = last_step;
  status_.step_time = clock_();
  status_.skipped_steps = news.skipped_steps;
  status_.spikes = news.spikes;
}

void StatusFile::touch() {
  if (clock_() - last_posted_ > kTouchSeconds) post_write();
}

void StatusFile::beat() {
  if (clock_() - last_posted_ >= kHeartbeatSeconds) post_write();
}

void StatusFile::post_write() {
  if (!is_first()) return;
  last_posted_ = clock_();
  worker_.post([this] { write(nullptr); });
}

void StatusFile::finish(const RunEnd& end) {
  if (is_first()) write(&end);
}

void StatusFile::fail(int exit_code, const std::string& cause) {
  RunEnd end{exit_code, cause};
  if (exit_code != static_cast<int>(ExitCode::kUsage))
    end.suspects = {{status_.rank, status_.host}};
  fail(end);
}

std::optional<SavedState> StatusFile::newest_checkpoint() const {
  const CheckpointFolder folder(checkpoints_);
  const std::vector<int64_t> steps = folder.steps();
  if (steps.empty()) return std::nullopt;
  return SavedState{steps.front(), folder.of(steps.front())};
}

void StatusFile::write(const RunEnd* end) {
  if (!run_) return;
  const std::lock_guard writing(write_mutex_);
  try {
    const std::optional<RunStatus> status = compose(end);
    if (!status) return;
    if (is_claimed_)
      put(*status);
    else
      put_if_free(*status);
  } catch (const std::exception& error) {
    log::local(log::Level::warn, fmt::format("no status file: {}", error.what()));
  }
}

std::optional<RunStatus> StatusFile::compose(const RunEnd* end) {
  RunStatus status;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(is_ended_, is_ended_ || end)) return std::nullopt;
    status = status_;
  }
  if (is_claimed_ && !agree_with_file(status)) return std::nullopt;
  status.checkpoint = newest_checkpoint();
  status.phase = to_string(this_activity().now().phase);
  status.written = clock_();
  if (!end) return status;
  status.exit_code = end->exit_code;
  status.state = state_of(end->exit_code, saves_at_end_);
  status.cause = end->cause;
  status.suspects = end->suspects;
  return status;
}

bool StatusFile::agree_with_file(RunStatus& status) const {
  RunStatus there;
  try {
    there = read_run_status(path());
  } catch (const Error&) {  // none yet, or an earlier start's that is damaged
    return true;
  }
  if (!is_first()) {
    status.started = there.started;
    status.segment = there.segment;
  }
  return there.started != status.started || there.state == StatusState::running;
}

/// Ranks may write at the same time, on different hosts with equal process ids. Rank 0 may have
/// been stopped meanwhile, and the others have told the end of the run: it looks once more.
void StatusFile::put(RunStatus status) const {
  const fs::path own = path().string() + fmt::format(".rank{}", status.rank);
  write_text_file(own, to_json(status));
  std::error_code error;
  if (is_claimed_ && !agree_with_file(status)) {
    fs::remove(own, error);
    return;
  }
  fs::rename(own, path(), error);
  if (error) throw_file_failure(path(), "rename into place", error.value());
}

void StatusFile::put_if_free(const RunStatus& status) const {
  std::optional<RunLock> lock;
  try {
    lock.emplace(run_->out / (run_->name + ".lock"),
                 fmt::format("process {} on {}", status.pid, status.host));
  } catch (const FileError&) {  // another job's run: the file is its own
    return;
  }
  put(status);
}

}  // namespace isoflop
