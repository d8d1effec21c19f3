// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/train_config.hpp"
#include "trainer/checkpoint/background_worker.hpp"
#include "trainer/clock.hpp"
#include "trainer/comm/process_grid.hpp"
#include "trainer/health/run_status.hpp"
#include "trainer/options.hpp"

#include <atomic>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// How a start of a run ended.
struct RunEnd {
  int exit_code = 0;
  std::string cause;  ///< one line; empty when done
  std::vector<Suspect> suspects = {};
};

/// Tells with every step.
struct StepNews {
  int64_t step = 0;
  int64_t skipped_steps = 0;  ///< of this start
  int64_t spikes = 0;         ///< likewise
};

/// Keeps a run's status file. Every rank has one: rank 0 writes while all is well, on a thread of
/// its own, and when the run ends; a rank that fails writes why. A file that cannot be written is
/// warned of and ends nothing. Calls from several threads are safe.
class StatusFile {
 public:
  /// Nothing is written of a run that has no place.
  explicit StatusFile(std::optional<RunPlace> run, Clock clock = system_time);

  /// Before: rank 0 of this host.
  void set_place(const RankInfo& info);
  /// This job holds the run's lock: from here on the file is its own.
  void claim(const TrainConfig& config);
  /// The run is set up and begins after `steps_done`. `segment` is rank 0's.
  void begin(int64_t steps_done, const std::optional<RunSegment>& segment);
  /// Takes note; nothing is written. `last_step`: of the run.
  void step_ended(const StepNews& news, int64_t last_step);
  /// Rank 0: has the file written, unless that was done five seconds ago or less.
  void touch();
  /// Rank 0: has the file written when it is kHeartbeatSeconds old.
  void beat();

  /// Returns when what was asked for is written.
  void flush() { worker_.wait(); }

  /// The run ended as planned, on rank 0's word. Returns when the file is written.
  void finish(const RunEnd& end);
  /// This rank ends the run. Returns when the file is written. Only the first end counts, and a
  /// rank's that failed earlier is kept. Before claim() it is written only if no other job has the
  /// run.
  void fail(const RunEnd& end) { write(&end); }
  /// Likewise, of this rank's failure; it is the suspect unless the configuration is.
  void fail(int exit_code, const std::string& cause);

  /// Of the run.
  const std::filesystem::path& checkpoints() const { return checkpoints_; }

 private:
  bool is_first() const { return status_.rank == 0; }
  void post_write();
  std::optional<SavedState> newest_checkpoint() const;
  std::filesystem::path path() const { return status_path(run_->out, run_->name); }
  void write(const RunEnd* end);
  /// What is to be written; nothing when this process or another has told the end already.
  std::optional<RunStatus> compose(const RunEnd* end);
  /// Takes what only rank 0 knows from its last word. False when a rank has told the end of this
  /// start.
  bool agree_with_file(RunStatus& status) const;
  void put(RunStatus status) const;
  void put_if_free(const RunStatus& status) const;

  std::optional<RunPlace> run_;
  Clock clock_;
  std::filesystem::path checkpoints_;
  bool saves_at_end_ = false;
  bool is_claimed_ = false;
  std::atomic<double> last_posted_{0};
  std::mutex mutex_;
  RunStatus status_;        ///< guarded by mutex_ once there is a watchdog
  bool is_ended_ = false;   ///< guarded by mutex_
  std::mutex write_mutex_;  ///< of the file

  BackgroundWorker worker_;  // last: its thread uses the others
};

}  // namespace isoflop
