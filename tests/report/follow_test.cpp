// SPDX-License-Identifier: MIT
#include "report/follow.hpp"

#include "core/base/text_file.hpp"
#include "core/run/segment_samples.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>

namespace isoflop {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TrainingRun running_run(int64_t last_step, int64_t target) {
  RunFile segment = sample_segment("a", 0, 0, last_step);
  segment.state = RunState::running;
  segment.header.config.steps_target = target;
  return join_segments({segment});
}

// 100 of 400 steps of 0.5 s: 150 s are left. Step 100 ended at 1100.
TEST(Follow, says_how_far_the_run_is_and_what_is_left) {
  EXPECT_THAT(follow_text(running_run(100, 400), 1103, 120),
              HasSubstr("a  running, step 100 of 400 (25.0 %); about 2 min 30 s left; last "
                        "step 3.00 s ago\n"));
}

TEST(Follow, an_ended_run_has_no_time_left) {
  TrainingRun run = sample_run("a", 100);
  run.segments[0].header.config.steps_target = 100;
  EXPECT_THAT(follow_text(run, 5000, 120), HasSubstr("a  done, step 100 of 100 (100.0 %)\n"));
}

// The samples' loss falls with every step; MFU is 40 and 50 % in turn, whose means are equal.
TEST(Follow, curves_are_of_all_steps) {
  const std::string text = follow_text(running_run(160, 400), 1103, 20 + 16);
  EXPECT_THAT(text, HasSubstr("  loss     8.4000  ██▇▇▆▆▅▅▄▄▃▃▂▂▁▁\n"));
  EXPECT_THAT(text, HasSubstr("  MFU      50.0 %  ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁\n"));
}

TEST(Follow, steps_of_every_start_count_once) {
  RunFile first = sample_segment("a", 0, 0, 60);
  RunFile second = sample_segment("a", 1, 50, 90);
  second.header.config.steps_target = 100;
  second.state = RunState::running;
  EXPECT_THAT(follow_text(join_segments({first, second}), 1100, 120),
              HasSubstr("step 90 of 100 (90.0 %); about 5.00 s left"));
}

TEST(Follow, a_run_without_steps_is_at_its_begin) {
  EXPECT_THAT(follow_text(running_run(0, 400), 1103, 80),
              HasSubstr("step 0 of 400 (0.0 %)\n  loss          -  \n"));
}

TEST(Follow, narrow_terminals_get_no_longer_lines) {
  EXPECT_THAT(follow_text(running_run(100, 400), 1103, 12), HasSubstr("a  running,\n"));
}

TEST(Follow, later_starts_are_files_of_the_run) {
  const test::TempDir folder;
  for (const char* name : {"a.s001.h5", "a.s000.h5", "ab.s000.h5", "a.s000.h5.tmp", "a.h5"})
    write_text_file(folder / name, "x");
  EXPECT_THAT(files_of_run(folder / "a.s000.h5"),
              ElementsAre(folder / "a.s000.h5", folder / "a.s001.h5"));
  EXPECT_THAT(files_of_run(folder / "a.h5"), ElementsAre(folder / "a.h5"));
}

TEST(Follow, a_file_that_is_no_run_is_named) {
  const test::TempDir folder;
  write_text_file(folder / "a.s000.h5", "not a run");
  for (const char* name : {"a.s000.h5", "b.s000.h5"})
    EXPECT_THAT([&] { follow_run(folder / name, {.once = true}); },
                testing::Throws<FileError>(testing::Property(&std::exception::what, HasSubstr(name))));
}

// Its job has just started: there will be something to see.
TEST(Follow, an_empty_file_is_waited_for) {
  const test::TempDir folder;
  write_text_file(folder / "a.s000.h5", "");
  EXPECT_EQ(follow_run(folder / "a.s000.h5", {.once = true}), ExitCode::kSuccess);
}

}  // namespace
}  // namespace isoflop
