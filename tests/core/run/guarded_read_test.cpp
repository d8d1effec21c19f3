// SPDX-License-Identifier: MIT
#include "core/run/guarded_read.hpp"

#include <gtest/gtest.h>

#include <csignal>

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

}  // namespace
}  // namespace isoflop
