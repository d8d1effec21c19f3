// SPDX-License-Identifier: MIT
#include "core/base/log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

class Log : public testing::Test {
 protected:
  ~Log() override { log::configure(0, 1, log::Level::info); }

  template <typename Action>
  std::string printed_by(Action&& action) const {
    testing::internal::CaptureStderr();
    action();
    return testing::internal::GetCapturedStderr();
  }
};

TEST_F(Log, a_line_has_time_level_and_text) {
  EXPECT_THAT(printed_by([] { log::info("step {}/{}", 120, 5000); }),
              MatchesRegex("[0-9]{2}:[0-9]{2}:[0-9]{2} I step 120/5000\n"));
  EXPECT_THAT(printed_by([] { log::warn("careful"); }), HasSubstr(" W careful\n"));
}

TEST_F(Log, braces_in_a_ready_line_are_text) {
  EXPECT_THAT(printed_by([] { log::world(log::Level::info, "{not} {0} a format"); }),
              HasSubstr("{not} {0} a format"));
}

TEST_F(Log, levels_below_the_chosen_one_are_silent) {
  EXPECT_EQ(printed_by([] { log::debug("detail"); }), "");
  log::configure(0, 1, log::Level::debug);
  EXPECT_THAT(printed_by([] { log::debug("detail"); }), HasSubstr(" D detail"));
  log::configure(0, 1, log::Level::error);
  EXPECT_EQ(printed_by([] { log::warn("careful"); }), "");
}

TEST_F(Log, the_world_speaks_on_rank_0_only) {
  log::configure(1, 4, log::Level::info);
  EXPECT_EQ(printed_by([] { log::info("milestone"); }), "");
  log::configure(0, 4, log::Level::info);
  EXPECT_THAT(printed_by([] { log::info("milestone"); }), HasSubstr("milestone"));
}

TEST_F(Log, a_status_line_stays_below_the_lines) {
  const std::string printed = printed_by([] {
    log::status("1 of 2");
    log::info("milestone");
    log::status("");
  });
  EXPECT_THAT(printed, MatchesRegex("1 of 2\r      \r.* I milestone\n1 of 2\r      \r"));
}

TEST_F(Log, only_rank_0_has_a_status_line) {
  log::configure(1, 2, log::Level::info);
  EXPECT_EQ(printed_by([] { log::status("1 of 2"); }), "");
}

TEST_F(Log, one_rank_says_who_it_is) {
  log::configure(3, 4, log::Level::info);
  EXPECT_THAT(printed_by([] { log::local(log::Level::warn, "slow {disk}"); }),
              MatchesRegex(".* W \\[rank 3 [^ ]+\\] slow \\{disk\\}\n"));
  log::configure(0, 1, log::Level::info);
  EXPECT_THAT(printed_by([] { log::local(log::Level::warn, "slow"); }),
              MatchesRegex(".* W slow\n"));
}

}  // namespace
}  // namespace isoflop
