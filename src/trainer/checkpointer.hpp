// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/train_config.hpp"
#include "core/run/run_records.hpp"
#include "trainer/checkpoint/background_worker.hpp"
#include "trainer/checkpoint/checkpoint_folder.hpp"
#include "trainer/checkpoint/manifest.hpp"
#include "trainer/checkpoint/state_copy.hpp"
#include "trainer/clock.hpp"
#include "trainer/comm/process_grid.hpp"
#include "trainer/run_schedule.hpp"
#include "trainer/step_io.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// What a checkpointer works on; all must outlive it.
struct CheckpointParts {
  const TrainConfig& config;
  const RunSchedule& schedule;
  Launch& launch;
  Device& device;
  const StepState* state = nullptr;
  std::vector<StatePiece> pieces;  ///< that this rank saves
  int64_t copy_elements = 0;       ///< largest_saved_state
  uint32_t data_crc32 = 0;
  std::string arithmetic;  ///< CheckpointManifest's
  std::string algorithms;  ///< likewise
  int64_t first_step = 1;
  Clock clock;
};

/// Saves the training state while training goes on. Ranks write their files by themselves and tell
/// each other, by what StepIo reduces in every step anyway, that they are done; then rank 0 gives
/// the checkpoint its name. Nothing here makes ranks wait for each other before save_last().
///
///   take(s): copy of the state after step s, on the readback stream; the update of s + 1 waits for
///   it heard(s + 1): the copy is over, the worker of each rank writes its file heard(u), u > s:
///   all ranks are done; rank 0's worker writes index and manifest and renames
///
/// One is under way at a time; the next that is due waits for it. A failure (a full disk) is warned
/// of on the rank that had it, ends that checkpoint alone, and training goes on.
class Checkpointer {
 public:
  explicit Checkpointer(CheckpointParts parts);

  /// What this rank tells the others with the step that begins.
  void begin_step(StepState::Input& input);
  /// To be called before the state is written.
  void before_update() { copy_.before_update(); }
  /// All ranks' word of a step, whose work is over. The same decisions follow on every rank.
  void heard(int64_t step, const StepReadback& readback);
  /// Whether one is to be taken after `step`, which is enqueued.
  bool is_due(int64_t step) const;
  void take(int64_t step);
  /// The step after which the last one was taken.
  std::optional<int64_t> last_taken() const { return taken_; }

  /// Collective, when training is over: waits for what is under way.
  void finish();
  /// Likewise; then saves the state after `step`, unless that is saved. Throws FileError on all
  /// ranks when it cannot be.
  void save_last(int64_t step);
  /// What came to an end since the last call; rank 0.
  std::vector<CheckpointRecord> ended();

 private:
  /// A checkpoint that was taken.
  struct Attempt {
    int64_t step = 0;
    double begin_s = 0;
    double stall_s = 0;  ///< that training waited
  };

  bool is_first() const { return launch_.info().rank == 0; }
  void write(int64_t step);
  void write_or_throw(int64_t step);
  void end(bool failed);
  CheckpointManifest manifest() const;
  // On rank 0's worker, which knows of a checkpoint what it is handed:
  void commit(const Attempt& attempt, const CheckpointManifest& manifest);
  void commit_or_throw(const Attempt& attempt, CheckpointManifest manifest);
  void give_up(const Attempt& attempt);
  void add_record(const Attempt& attempt, int64_t bytes, bool ok);

  const TrainConfig& config_;
  const RunSchedule& schedule_;
  Launch& launch_;
  Device& device_;
  uint32_t data_crc32_;
  std::string arithmetic_;
  std::string algorithms_;
  Clock clock_;
  CheckpointFolder folder_;
  StateCopy copy_;
  int64_t first_step_;

  // the same on every rank
  std::optional<int64_t> taken_;
  bool under_way_ = false;
  bool due_by_time_ = false;
  bool copying_ = false;

  // of this rank
  std::atomic<int64_t> finished_{0};
  std::atomic<int64_t> failed_{0};
  Attempt last_;  ///< its begin: that of training before the first
  std::mutex mutex_;
  std::vector<CheckpointRecord> ended_;    // guarded by mutex_
  std::optional<int64_t> last_committed_;  // guarded by mutex_

  BackgroundWorker worker_;  // last: its thread uses the others
};

}  // namespace isoflop
