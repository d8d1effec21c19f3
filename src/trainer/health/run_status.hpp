// SPDX-License-Identifier: MIT
#pragma once

#include "core/run/run_segment.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// Where a run stands. checkpointed, stopped: with steps left, saved or not.
enum class StatusState {
  running,
  done,
  checkpointed,
  stopped,
  failed,
  stalled,
  out_of_memory,
  nan
};

/// A rank that somebody should look at.
struct Suspect {
  std::optional<int> rank = std::nullopt;
  std::string host;

  bool operator==(const Suspect&) const = default;
};

/// "rank 2 on node07, rank 5 on node08 and 3 others"
std::string describe(const std::vector<Suspect>& suspects);

/// A complete checkpoint.
struct SavedState {
  int64_t step = 0;
  std::filesystem::path path;

  bool operator==(const SavedState&) const = default;
};

/// What the status file of a run says; README.md has the fields one by one.
struct RunStatus {
  std::string run;
  StatusState state = StatusState::running;
  std::optional<int> exit_code = std::nullopt;
  std::string cause = {};  ///< empty: none
  std::vector<Suspect> suspects = {};
  std::string phase = "start";
  int64_t step = 0;
  std::optional<int64_t> last_step = std::nullopt;
  std::optional<double> step_time = std::nullopt;
  int64_t resumed_from_step = 0;
  std::optional<SavedState> checkpoint = std::nullopt;
  std::optional<RunSegment> segment = std::nullopt;
  int64_t skipped_steps = 0;
  int64_t spikes = 0;
  std::string job = {};  ///< empty: none
  std::optional<int> restarts = std::nullopt;
  int rank = 0;
  std::string host = {};
  int64_t pid = 0;
  double started = 0;
  double written = 0;
};

/// Seconds between two writings while a run goes on.
inline constexpr double kHeartbeatSeconds = 30;

/// <out>/<name>.status.json
std::filesystem::path status_path(const std::filesystem::path& out, const std::string& name);

std::string to_json(const RunStatus& status);
/// Throws FileError or ConfigError.
RunStatus read_run_status(const std::filesystem::path& path);

/// What a process that ends with `exit_code` leaves; `saved`: whether its state is on disk.
StatusState state_of(int exit_code, bool saved);

}  // namespace isoflop
