// SPDX-License-Identifier: MIT
#include "planner/jobs/run_progress.hpp"

#include "core/base/text_file.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

TrainConfig config() {
  TrainConfig config;
  config.run.name = "x";
  return config;
}

TEST(RunProgress, of_a_run_that_has_not_begun) {
  const test::TempDir dir;
  const RunProgress progress = read_progress(config(), {dir / "a", dir / "b"});
  EXPECT_EQ(progress.state, "not begun");
  EXPECT_EQ(progress.starts, 0);
  EXPECT_TRUE(progress.folder.empty());
}

TEST(RunProgress, takes_the_newest_whole_checkpoint) {
  const test::TempDir dir;
  for (const char* const name : {"step-00000040", "step-00000100", "step-00000200.writing"})
    std::filesystem::create_directories(dir / "runs" / "x.checkpoints" / name);
  const RunProgress progress = read_progress(config(), {dir / "a", dir / "runs"});
  EXPECT_EQ(progress.checkpoint_step, 100);
  EXPECT_EQ(progress.folder, dir / "runs");
}

TEST(RunProgress, believes_the_status_file) {
  const test::TempDir dir;
  write_text_file(
      dir / "x.status.json",
      "{\"state\": \"failed\", \"cause\": \"disk full\", \"step\": 7, \"written\": 5.5, "
      "\"exit_code\": 3}\n");
  RunProgress progress = read_progress(config(), {dir.path()});
  EXPECT_EQ(progress.state, "failed");
  EXPECT_EQ(progress.cause, "disk full");
  EXPECT_EQ(progress.step, 7);
  write_text_file(dir / "x.status.json", "{\"state\":");
  progress = read_progress(config(), {dir.path()});
  EXPECT_EQ(progress.notes.size(), 1U) << "a damaged file is named";
}

}  // namespace
}  // namespace isoflop
