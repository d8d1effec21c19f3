// SPDX-License-Identifier: MIT
#include "core/base/build_info.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

TEST(BuildInfo, is_a_version_and_the_commit_where_there_is_one) {
  EXPECT_THAT(build_version(), testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
  const std::string commit = build_commit();
  EXPECT_EQ(build_text(), commit.empty() ? build_version() : build_version() + " (" + commit + ")");
}

}  // namespace
}  // namespace isoflop
