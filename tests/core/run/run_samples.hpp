// SPDX-License-Identifier: MIT
#pragma once

#include "core/run/run_reader.hpp"
#include "core/run/run_writer.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace isoflop {

/// A folder of its own for each test, removed afterwards.
class RunFolder : public ::testing::Test {
 protected:
  RunFolder();
  ~RunFolder() override;
  std::filesystem::path file(const std::string& name) const { return folder_ / name; }

 private:
  std::filesystem::path folder_;
};

/// A header in which every member has a value of its own.
RunHeader sample_header();

/// Step records whose every member follows from the step.
StepRecord sample_step(int64_t step);

/// Expects the run's steps to be 1..n as sample_step makes them, n at least `acknowledged`.
void expect_sample_steps(const RunFile& run, int64_t acknowledged);

/// The reason why a file cannot be read; fails the test when it can.
UnreadableRun expect_unreadable(const std::filesystem::path& path);

}  // namespace isoflop
