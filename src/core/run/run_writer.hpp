// SPDX-License-Identifier: MIT
#pragma once

#include "core/run/run_header.hpp"
#include "core/run/run_records.hpp"
#include "core/run/step_record.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>

namespace isoflop {

/// Records one job start of a run (rank 0 only, one thread). The file can be read while it grows
/// and after kill -9; RUN_SCHEMA.md describes it.
///
/// Rows wait in memory until a flush, which append() does by itself every 5 seconds. A row is
/// recorded once a flush that follows it has returned: from then on no crash of the process takes
/// it away. A full disk does not end the run: append() logs a warning, keeps the rows and tries
/// again, while flush(), set_state() and close() throw FileError with path, reason and remedy and
/// may be called again after room was made. When the file system fails in the middle of a write
/// (an I/O error, not a lack of room), every later call throws FileError; rows recorded before
/// stay readable.
class RunWriter {
 public:
  /// Creates the file, writes the whole header and starts live reading. `path` must be missing or
  /// empty (as next_segment leaves it). Throws FileError.
  RunWriter(const std::filesystem::path& path, const RunHeader& header);
  /// Closes; a failure is logged. A run that never called set_state stays `running`.
  ~RunWriter();
  RunWriter(RunWriter&&) noexcept;
  RunWriter& operator=(RunWriter&&) noexcept;

  void append(const StepRecord& record);
  void append(const GradientRecord& record);
  void append(const LayerNormRecord& record);
  void append(const EvalRecord& record);
  void append(const RankTimesRecord& record);
  void append(const SystemRecord& record);
  void append(const CheckpointRecord& record);
  void append(const RunEvent& record);

  /// Records the state and all rows so far.
  void set_state(RunState state);
  /// Records all rows so far.
  void flush();
  /// Flushes and closes; afterwards the file is plain HDF5 for any reader. Nothing may be appended
  /// later; a second call does nothing.
  void close();

  const std::filesystem::path& path() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace isoflop
