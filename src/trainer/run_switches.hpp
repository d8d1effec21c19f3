// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/clock.hpp"

#include <filesystem>
#include <string>

namespace isoflop {

/// Rank 0's look at two files beside the run, which anybody who may write there can make, also
/// those who may not signal the job: <out>/<name>.stop ends the run as a signal does and keeps it
/// from starting again, <out>/<name>.save asks for a checkpoint and is deleted.
class RunSwitches {
 public:
  /// Seconds between two looks at a file system that many share.
  static constexpr double kInterval = 5;

  RunSwitches(const std::filesystem::path& out, const std::string& name, Clock clock);

  /// Looks, unless that was done a moment ago.
  void look();
  /// Whether the last look found <name>.stop.
  bool stop() const { return stop_; }
  /// Whether a look since the last call found <name>.save.
  bool take_save();

 private:
  std::filesystem::path stop_file_;
  std::filesystem::path save_file_;
  Clock clock_;
  double next_s_ = 0;
  bool stop_ = false;
  bool save_ = false;
};

/// <out>/<name>.stop
std::filesystem::path stop_switch(const std::filesystem::path& out, const std::string& name);

}  // namespace isoflop
