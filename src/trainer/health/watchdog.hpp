// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/health_config.hpp"
#include "trainer/comm/process_grid.hpp"
#include "trainer/health/activity.hpp"
#include "trainer/health/rank_note.hpp"
#include "trainer/health/stall.hpp"
#include "trainer/health/status_file.hpp"
#include "trainer/telemetry/recorder.hpp"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace isoflop {

/// What a watchdog looks after; all must outlive it.
struct WatchdogParts {
  HealthConfig config;
  Activity& activity;
  Launch& launch;
  StatusFile& status;
  NoteFolder notes;
};

/// Ends a run that stands still: names the ranks to blame (judge_stall) in the log, the status file
/// and the run file, aborts the job, and ends this process with exit code 9 whatever hangs. Ends
/// one whose communication has failed, too, with exit code 3, when nothing tells the thread that
/// waits for it (Collectives::failure). Also keeps the status file's heart beating.
///
/// Each rank has one, on a thread of its own that needs neither the communicator nor the thread
/// that trains. While all is well it reads some atomics every few seconds; no file is touched.
class Watchdog {
 public:
  explicit Watchdog(WatchdogParts parts);
  /// Does not return when the end of the run has begun.
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// Lets the watchdog ask `collectives` how far this rank is and whether they failed, and use the
  /// recorder of rank 0, while it lives.
  class Acquaintance {
   public:
    Acquaintance(Watchdog& watchdog, Collectives& collectives, Recorder& recorder);
    ~Acquaintance();
    Acquaintance(const Acquaintance&) = delete;
    Acquaintance& operator=(const Acquaintance&) = delete;

   private:
    Watchdog& watchdog_;
  };

 private:
  void run();
  void look();
  /// Whether this process was stopped since the last look.
  bool was_stopped();
  [[noreturn]] void end_run(double limit_s);
  RankNote note();
  void tell(const StallVerdict& verdict, double limit_s);
  std::optional<std::string> communication_failure();
  /// Of communication: the thread that trains may wait for its GPU for ever.
  [[noreturn]] void end_failed_run(const std::string& cause);
  void abort(int exit_code);

  WatchdogParts parts_;
  std::mutex friends_mutex_;
  Collectives* collectives_ = nullptr;  ///< guarded by friends_mutex_
  Recorder* recorder_ = nullptr;        ///< likewise
  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stopping_ = false;  ///< guarded by mutex_
  double last_look_s_;
  std::thread thread_;
};

/// To be called before this process ends for another reason: does not return when its watchdog has
/// begun to end the run, whose exit code counts.
void leave_end_to_watchdog();

}  // namespace isoflop
