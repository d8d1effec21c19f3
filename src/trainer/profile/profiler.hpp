// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/trace.hpp"
#include "trainer/comm/process_grid.hpp"
#include "trainer/profile/profile_request.hpp"

#include <cstdint>
#include <filesystem>

namespace isoflop {

struct ProfilerParts {
  const ProfileRequest& request;
  Launch& launch;
  Device& device;
  int first_time_slot = 0;          ///< that nobody else marks
  int64_t first_step = 1;           ///< of this start
  std::filesystem::path file_stem;  ///< runs/NAME: files are runs/NAME.trace.RANK.json
};

/// Traces the steps that --profile names on this rank and writes them when the device is done with
/// them, or at the end of the run.
class Profiler {
 public:
  /// Collective over all ranks: they agree on where the timeline starts.
  explicit Profiler(const ProfilerParts& parts);

  Trace& trace() { return trace_; }
  /// Before a step's work is enqueued.
  void begin_step(int64_t step);
  /// After the last step: waits for the device and writes what is not written yet.
  void finish();

 private:
  bool is_traced() const { return info_.rank < n_ranks_; }
  void write();
  void write_or_throw() const;

  RankInfo info_;
  Device& device_;
  StepRange steps_;
  int64_t n_ranks_;
  std::filesystem::path path_;
  double origin_unix_s_;
  Trace trace_;
  bool is_over_ = false;  ///< written, or found to be impossible
};

}  // namespace isoflop
