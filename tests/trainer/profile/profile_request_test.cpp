// SPDX-License-Identifier: MIT
#include "trainer/profile/profile_request.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

TEST(ProfileRequest, a_number_is_of_steps_behind_two_of_warm_up) {
  const ProfileRequest request = parse_profile_steps("5");
  EXPECT_EQ(request.steps(1), (StepRange{3, 7}));
  EXPECT_EQ(request.steps(101), (StepRange{103, 107}));
  EXPECT_EQ(request.n_ranks, 8);
}

TEST(ProfileRequest, two_numbers_are_the_first_and_the_last_step) {
  EXPECT_EQ(parse_profile_steps("10:15").steps(1), (StepRange{10, 15}));
  EXPECT_EQ(parse_profile_steps("10:10").steps(101), (StepRange{10, 10}));
}

TEST(ProfileRequest, what_is_not_steps_is_refused) {
  for (const char* text : {"0", "-1", "x", "0:3", "5:4", "5:", ":5", "1:2:3", "1001", "1:1001"}) {
    const std::string message = test::message_of<ConfigError>([&] { parse_profile_steps(text); });
    EXPECT_THAT(message, testing::HasSubstr(std::string("--profile is '") + text + "'"));
    EXPECT_THAT(message, testing::HasSubstr("10:15"));
  }
}

}  // namespace
}  // namespace isoflop
