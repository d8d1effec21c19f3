// SPDX-License-Identifier: MIT
#include "core/run/guarded_read.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <new>

namespace isoflop {
namespace {

using std::chrono::seconds;

TEST(GuardedRead, output_of_the_attempt_comes_back) {
  const GuardedOutcome outcome = run_guarded([] { return std::string("fine"); }, seconds(10));
  EXPECT_EQ(outcome.kind, GuardedOutcome::Kind::finished);
  EXPECT_EQ(outcome.output, "fine");
}

TEST(GuardedRead, crash_stays_in_the_child) {
  const auto crash = []() -> std::string {
    std::signal(SIGSEGV, SIG_DFL);
    std::raise(SIGSEGV);
    return "survived";
  };
  EXPECT_EQ(run_guarded(crash, seconds(10)).kind, GuardedOutcome::Kind::crashed);
}

TEST(GuardedRead, exception_counts_as_a_crash) {
  const auto throwing = []() -> std::string { throw std::bad_alloc(); };
  EXPECT_EQ(run_guarded(throwing, seconds(10)).kind, GuardedOutcome::Kind::crashed);
}

TEST(GuardedRead, endless_loop_is_ended) {
  const auto loop = []() -> std::string {
    volatile bool forever = true;
    while (forever) {
    }
    return "left";
  };
  EXPECT_EQ(run_guarded(loop, seconds(1)).kind, GuardedOutcome::Kind::timed_out);
}

TEST(GuardedSequence, items_behind_one_that_ended_the_child_are_tried_too) {
  const auto attempt = [](std::size_t item) -> std::string {
    if (item == 1) throw std::bad_alloc();
    for (volatile bool forever = item == 3; forever;) {
    }
    return std::to_string(item);
  };
  GuardedSequence sequence(5, attempt, [](std::size_t) { return seconds(1); });
  using Kind = GuardedOutcome::Kind;
  for (const Kind expected :
       {Kind::finished, Kind::crashed, Kind::finished, Kind::timed_out, Kind::finished})
    EXPECT_EQ(sequence.next().kind, expected);
}

TEST(GuardedSequence, outputs_come_in_order_however_far_the_child_is_ahead) {
  const auto attempt = [](std::size_t item) { return std::string(item % 5000, 'x'); };
  GuardedSequence sequence(10'000, attempt, [](std::size_t) { return seconds(60); });
  for (std::size_t item = 0; item < 7000; ++item)  // and the child ends with the sequence
    ASSERT_EQ(sequence.next().output.size(), std::min<std::size_t>(item % 5000, 4096));
}

}  // namespace
}  // namespace isoflop
