// SPDX-License-Identifier: MIT
#include "trainer/console/progress_bar.hpp"

#include "core/base/log.hpp"
#include "support/pseudo_terminal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>

namespace isoflop {
namespace {

constexpr Progress kHalf{.step = 480,
                         .last_step = 920,
                         .loss = 1.34231,
                         .tokens_per_s = 56900,
                         .mfu = 0.67,
                         .left_s = 72.2};

TEST(ProgressText, says_where_the_run_stands) {
  EXPECT_EQ(progress_text(kHalf, 100),
            "[=============>            ]   52 %  480/920  loss 1.3423  56.9 k tok/s  67.0 % MFU  "
            "ETA 1 min 12 s");
}

TEST(ProgressText, fits_any_width) {
  for (const int columns : {20, 40, 60, 80, 120, 300})
    EXPECT_LT(static_cast<int>(progress_text(kHalf, columns).size()), columns) << columns;
  EXPECT_EQ(progress_text(kHalf, 40), "[==========>          ]   52 %  480/920");
}

TEST(ProgressText, leaves_out_what_is_unknown) {
  Progress progress = kHalf;
  progress.mfu.reset();
  progress.left_s.reset();
  progress.loss = std::numeric_limits<double>::quiet_NaN();
  const std::string text = progress_text(progress, 100);
  EXPECT_THAT(text, testing::EndsWith("480/920  loss not finite  56.9 k tok/s"));
}

TEST(ProgressText, is_full_at_the_end) {
  Progress progress = kHalf;
  progress.step = 920;
  EXPECT_THAT(progress_text(progress, 40), testing::StartsWith("[=====================]  100 %"));
}

/// Ten steps of 0.04 s by a clock of their own, with a log line behind the fifth.
void run_ten_steps() {
  log::configure(0, 1, log::Level::info);  // other tests want it silent
  TrainConfig config;
  config.layout.global_batch_size = 4;
  config.schedule.steps = 10;
  const RunSchedule schedule(config);
  double now = 0;
  ProgressBar bar(config, schedule, std::nullopt, [&] { return now; });
  for (int64_t step = 1; step <= 10; ++step) {
    now += 0.04;
    bar.show({.step = step, .loss = 2, .tokens_per_s = 1000}, 0.04);
    if (step == 5) log::info("a line");
  }
}

TEST(ProgressBar, on_a_terminal_stands_below_the_log_and_goes_at_the_end) {
  const std::string printed = test::printed_on_terminal(run_ten_steps, 60);
  EXPECT_THAT(printed, testing::Not(testing::HasSubstr("\x1b")));
  const std::vector<std::string> screen = test::screen_of(printed);
  ASSERT_EQ(screen.size(), 1U) << printed;
  EXPECT_THAT(screen[0], testing::EndsWith(" I a line"));
}

// At 0.04, 0.16, 0.28 and 0.40 s, and once more behind the line.
TEST(ProgressBar, is_drawn_ten_times_a_second_at_most) {
  const std::string printed = test::printed_on_terminal(run_ten_steps, 60);
  std::size_t n = 0;
  for (std::size_t at = printed.find("/10"); at != std::string::npos;
       at = printed.find("/10", at + 1))
    ++n;
  EXPECT_EQ(n, 5U) << printed;
}

/// Whether a bar is made on a terminal of this TERM.
bool is_made(ProgressDisplay display, const char* term) {
  const std::string printed = test::printed_on_terminal(
      [&] {
        setenv("TERM", term, 1);
        log::configure(0, 1, log::Level::info);
        TrainConfig config;
        config.log.progress = display;
        const RunSchedule schedule(config);
        log::info("{}", make_progress_bar(config, schedule, std::nullopt) ? "made" : "none");
      },
      80);
  return printed.find("made") != std::string::npos;
}

TEST(ProgressBar, is_made_where_it_can_be_drawn_or_is_asked_for) {
  EXPECT_TRUE(is_made(ProgressDisplay::automatic, "xterm"));
  EXPECT_FALSE(is_made(ProgressDisplay::automatic, "dumb"));
  EXPECT_FALSE(is_made(ProgressDisplay::automatic, ""));
  EXPECT_FALSE(is_made(ProgressDisplay::off, "xterm"));
  EXPECT_TRUE(is_made(ProgressDisplay::on, "dumb"));
}

TEST(ProgressBar, is_not_made_where_the_log_goes_to_a_file) {
  setenv("TERM", "xterm", 1);
  testing::internal::CaptureStderr();
  const TrainConfig config;
  const RunSchedule schedule(config);
  EXPECT_EQ(make_progress_bar(config, schedule, std::nullopt), nullptr);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace isoflop
