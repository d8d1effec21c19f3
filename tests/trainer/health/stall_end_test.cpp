// SPDX-License-Identifier: MIT
#include "trainer/health/stall_end.hpp"

#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <optional>

namespace isoflop {
namespace {

/// Rank `me` of three, whose sleeps pass at once.
class StallEndTest : public testing::Test {
 protected:
  void end(int me) {
    end_stalled_run({.ranks = rank_infos({"a", "b", "c"}),
                     .folder = folder_,
                     .patience_s = 10,
                     .note =
                         [me] {
                           return RankNote{.rank = me, .host = "x", .waits = {5, 4}};
                         },
                     .tell = [this](const StallVerdict& verdict) { told_ = verdict; },
                     .abort = [this] { aborted_ = true; },
                     .sleep =
                         [this](double seconds) {
                           slept_s_ += seconds;
                           if (while_asleep_) while_asleep_();
                         }});
  }
  void leave(int rank) { folder_.leave({.rank = rank, .host = "x", .waits = {5, 4}}); }

  test::TempDir parent_;
  NoteFolder folder_{parent_ / "notes"};
  std::function<void()> while_asleep_;
  std::optional<StallVerdict> told_;
  bool aborted_ = false;
  double slept_s_ = 0;
};

TEST_F(StallEndTest, the_lowest_rank_tells_as_soon_as_all_have_left_notes) {
  leave(2);
  while_asleep_ = [this] { leave(1); };
  end(0);
  ASSERT_TRUE(told_.has_value());
  EXPECT_THAT(told_->suspects, testing::IsEmpty());
  EXPECT_TRUE(aborted_);
  EXPECT_LT(slept_s_, 1);
}

TEST_F(StallEndTest, patience_with_a_silent_rank_ends) {
  leave(2);
  end(1);
  ASSERT_TRUE(told_.has_value());
  EXPECT_THAT(told_->suspects, testing::ElementsAre(Suspect{0, "a"}));
  EXPECT_TRUE(aborted_);
  EXPECT_GE(slept_s_, 10);
}

TEST_F(StallEndTest, others_leave_the_word_to_the_lowest_and_return_when_nothing_comes) {
  leave(0);
  end(1);
  EXPECT_FALSE(told_.has_value());
  EXPECT_FALSE(aborted_);
  EXPECT_GT(slept_s_, 20);
  EXPECT_LE(slept_s_, longest_end_s(10));
}

TEST_F(StallEndTest, a_lower_rank_that_comes_late_takes_the_word) {
  while_asleep_ = [this] { leave(0); };
  end(1);
  EXPECT_FALSE(told_.has_value());
}

}  // namespace
}  // namespace isoflop
