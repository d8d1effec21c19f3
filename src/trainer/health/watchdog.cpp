// SPDX-License-Identifier: MIT
#include "trainer/health/watchdog.hpp"

#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "core/base/log.hpp"
#include "trainer/checkpoint/checkpoint_folder.hpp"
#include "trainer/health/stall_end.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <unistd.h>
#include <utility>

namespace isoflop {
namespace {

constexpr int kExitCode = static_cast<int>(ExitCode::kStalled);

/// For files, the status file and the abort of a run whose communication failed.
constexpr double kFailureSeconds = 60;

std::atomic<bool> g_is_ending{false};

std::chrono::duration<double> seconds(double value) { return std::chrono::duration<double>(value); }

/// Often enough for limits of tests, and never so often that it shows.
double seconds_between_looks(const HealthConfig& config) {
  return std::clamp(std::min(config.stall_min_s, config.pause_limit_s) / 20, 0.05, 5.0);
}

/// Ranks of one step are at most a step apart and look at different moments. Nearly the same on all
/// ranks.
double patience(const HealthConfig& config, const Activity& activity) {
  return ordinary_limit(config, activity) / config.stall_factor +
         2 * seconds_between_looks(config) + 1;
}

/// Whatever hangs (a library, a file system, a lock), this process ends.
void end_process_after(double limit_s, int exit_code, std::string message) {
  std::thread([limit_s, exit_code, message = std::move(message)] {
    std::this_thread::sleep_for(seconds(limit_s));
    if (::write(STDERR_FILENO, message.data(), message.size()) < 0) {
      // nobody reads what this program has to say
    }
    ::_exit(exit_code);
  }).detach();
}

}  // namespace

Watchdog::Watchdog(WatchdogParts parts)
    : parts_(std::move(parts)),
      last_look_s_(parts_.activity.seconds()),
      thread_([this] { run(); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopped_.notify_all();
  thread_.join();
}

Watchdog::Acquaintance::Acquaintance(Watchdog& watchdog, Collectives& collectives,
                                     Recorder& recorder)
    : watchdog_(watchdog) {
  const std::lock_guard lock(watchdog.friends_mutex_);
  watchdog.collectives_ = &collectives;
  watchdog.recorder_ = &recorder;
}

Watchdog::Acquaintance::~Acquaintance() {
  const std::lock_guard lock(watchdog_.friends_mutex_);
  watchdog_.collectives_ = nullptr;
  watchdog_.recorder_ = nullptr;
}

void Watchdog::run() {
  const auto between = seconds(seconds_between_looks(parts_.config));
  std::unique_lock lock(mutex_);
  while (!stopped_.wait_for(lock, between, [this] { return stopping_; })) {
    lock.unlock();
    look();
    lock.lock();
  }
}

/// A process that was stopped and goes on is no run that stands still: its thread slept as well.
bool Watchdog::was_stopped() {
  const double now_s = parts_.activity.seconds();
  const double gap_s = now_s - std::exchange(last_look_s_, now_s);
  return gap_s > seconds_between_looks(parts_.config) + parts_.config.stall_min_s / 2;
}

void Watchdog::look() {
  parts_.status.beat();
  if (was_stopped()) parts_.activity.begin_anew();
  if (const auto failure = communication_failure()) end_failed_run(*failure);
  const auto stall = find_stall(parts_.config, parts_.activity);
  if (stall || (is_slow(parts_.config, parts_.activity) && parts_.notes.exists()))
    end_run(stall ? stall->limit_s : stall_limit(parts_.config, parts_.activity));
}

std::optional<std::string> Watchdog::communication_failure() {
  const std::lock_guard lock(friends_mutex_);
  return collectives_ ? collectives_->failure() : std::nullopt;
}

void Watchdog::end_failed_run(const std::string& cause) {
  constexpr int kFailed = static_cast<int>(ExitCode::kFile);
  g_is_ending = true;
  end_process_after(
      kFailureSeconds, kFailed,
      fmt::format("trainer: error: {}; nothing could end the job; this process ends\n", cause));
  log::local(log::Level::error,
             fmt::format("{}; {}; look at the network of this node and of those that NCCL names, "
                         "then start the run again",
                         cause, describe_newest(CheckpointFolder(parts_.status.checkpoints()))));
  parts_.status.fail(kFailed, cause);
  abort(kFailed);
  std::fflush(nullptr);
  ::_exit(kFailed);
}

void Watchdog::end_run(double limit_s) {
  g_is_ending = true;
  const RankNote mine = note();
  const double patience_s = patience(parts_.config, parts_.activity);
  end_process_after(longest_end_s(patience_s) + 10, kExitCode,
                    fmt::format("trainer: error: rank {} on {} stands still in phase '{}' of step "
                                "{}, and nothing could end the job; this process ends\n",
                                mine.rank, mine.host, mine.phase, mine.step));
  try {
    end_stalled_run({.ranks = parts_.launch.ranks(),
                     .folder = parts_.notes,
                     .patience_s = patience_s,
                     .note = [&] { return mine; },
                     .tell = [&](const StallVerdict& verdict) { tell(verdict, limit_s); },
                     .abort = [this] { abort(kExitCode); },
                     .sleep = [](double s) { std::this_thread::sleep_for(seconds(s)); }});
  } catch (const std::exception& error) {
    log::local(log::Level::error,
               fmt::format("training stands still in phase '{}' of step {} on this rank ({})",
                           mine.phase, mine.step, error.what()));
  }
  std::fflush(nullptr);
  ::_exit(kExitCode);
}

RankNote Watchdog::note() {
  const Doing doing = parts_.activity.now();
  const double now_s = parts_.activity.seconds();
  const std::lock_guard lock(friends_mutex_);
  return {.rank = parts_.launch.info().rank,
          .host = parts_.launch.info().host,
          .pid = getpid(),
          .step = doing.step,
          .phase = to_string(doing.phase),
          .lasted_s = now_s - doing.since_s,
          .step_lasted_s = now_s - doing.step_since_s,
          .waits = collectives_ ? collectives_->peer_waits() : PeerWaits{}};
}

void Watchdog::tell(const StallVerdict& verdict, double limit_s) {
  const std::string text = "training stands still: " + verdict.text;
  log::local(log::Level::error,
             fmt::format("{}; the limit is {} (health.stall_factor); {}; {} has each rank's note; "
                         "look at what is named, then start the run again",
                         text, format_duration(limit_s),
                         describe_newest(CheckpointFolder(parts_.status.checkpoints())),
                         parts_.notes.path().string()));
  parts_.status.fail({.exit_code = kExitCode, .cause = text, .suspects = verdict.suspects});
  const std::lock_guard lock(friends_mutex_);
  if (recorder_) recorder_->record_stall(parts_.activity.now().step, text);
}

void Watchdog::abort(int exit_code) {
  const std::lock_guard lock(friends_mutex_);
  if (collectives_)
    collectives_->abort(exit_code);
  else
    parts_.launch.abort(exit_code);
}

void leave_end_to_watchdog() {
  while (g_is_ending) std::this_thread::sleep_for(std::chrono::seconds(1));
}

}  // namespace isoflop
