// SPDX-License-Identifier: MIT
#include "modelled/moved_operations.hpp"

#include <gmock/gmock.h>

namespace isoflop::test {
namespace {

using emulation::TimelineEntry;
using testing::ElementsAre;

TimelineEntry entry(const std::string& name, int stream, int64_t number,
                    std::vector<int64_t> after) {
  return {name, {}, stream, number, std::move(after), number};
}

// Stream 1 has a gather, a reduction and a gather; stream 0 waits for the second gather, then for
// the reduction.
TEST(MovedOperations, have_a_stream_of_their_own_and_only_who_waits_for_them_does) {
  const auto moved = move_operations(
      {{entry("work", 0, 7, {7, 4}), entry("gather", 1, 5, {7, 5}), entry("reduce", 1, 6, {7, 6}),
        entry("gather", 1, 7, {7, 7}), entry("work", 0, 8, {8, 5}), entry("work", 0, 9, {9, 7})},
       {entry("work", 0, 10, {10, 7})}},
      {"reduce"}, 1, 2);
  const std::vector<TimelineEntry>& step = moved.at(0);
  EXPECT_THAT(step.at(0).after, ElementsAre(7, 4, 0));
  EXPECT_THAT(step.at(1).after, ElementsAre(7, 5, 0));
  EXPECT_EQ(step.at(2).stream, 2);
  EXPECT_THAT(step.at(2).after, ElementsAre(7, 0, 1));
  EXPECT_THAT(step.at(3).after, ElementsAre(7, 6, 0));
  EXPECT_THAT(step.at(4).after, ElementsAre(8, 5, 0));
  EXPECT_THAT(step.at(5).after, ElementsAre(9, 6, 0));
  EXPECT_THAT(moved.at(1).at(0).after, ElementsAre(10, 6, 0));
}

TEST(MovedOperations, are_waited_for_where_their_stream_was) {
  const auto moved = move_operations(
      {{entry("gather", 1, 1, {0, 1}), entry("reduce", 1, 2, {0, 2}), entry("work", 0, 1, {1, 2})}},
      {"reduce"}, 1, 2);
  EXPECT_THAT(moved.at(0).at(2).after, ElementsAre(1, 0, 1));
}

}  // namespace
}  // namespace isoflop::test
