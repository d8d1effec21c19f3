// SPDX-License-Identifier: MIT
#include "emulation/access_history.hpp"

#include <gtest/gtest.h>

namespace isoflop::emulation {
namespace {

/// A clock that covers operations up to these numbers of streams 0, 1 and 2.
Clock seen(int64_t first, int64_t second, int64_t third = 0) { return {{first, second, third}}; }

class AccessHistoryTest : public testing::Test {
 protected:
  std::optional<Conflict> read(Place place, const Clock& clock, int64_t begin, int64_t bytes) {
    return history_.record(begin, bytes, AccessKind::read, place, clock);
  }
  std::optional<Conflict> write(Place place, const Clock& clock, int64_t begin, int64_t bytes) {
    return history_.record(begin, bytes, AccessKind::write, place, clock);
  }
  AccessHistory history_{int64_t{1} << 20};
};

TEST_F(AccessHistoryTest, names_earlier_operation_and_first_common_byte) {
  EXPECT_FALSE(write({1, 3}, seen(0, 3), 100, 100));
  const auto conflict = read({0, 5}, seen(5, 2), 64, 60);
  ASSERT_TRUE(conflict);
  EXPECT_EQ(conflict->earlier, (Place{1, 3}));
  EXPECT_TRUE(conflict->earlier_writes);
  EXPECT_EQ(conflict->offset, 100);
}

TEST_F(AccessHistoryTest, reads_need_no_order_among_each_other) {
  EXPECT_FALSE(read({0, 1}, seen(1, 0), 0, 64));
  EXPECT_FALSE(read({1, 1}, seen(0, 1), 0, 64));
}

TEST_F(AccessHistoryTest, a_write_comes_after_the_reads_of_all_streams) {
  read({0, 1}, seen(1, 0), 0, 64);
  read({1, 1}, seen(0, 1), 0, 64);
  const auto conflict = write({2, 1}, seen(1, 0, 1), 0, 64);
  ASSERT_TRUE(conflict);
  EXPECT_EQ(conflict->earlier, (Place{1, 1}));
  EXPECT_FALSE(conflict->earlier_writes);
}

TEST_F(AccessHistoryTest, a_write_that_knows_all_reads_stands_for_them) {
  read({0, 1}, seen(1, 0), 0, 64);
  EXPECT_FALSE(write({1, 1}, seen(1, 1), 0, 64));
  EXPECT_FALSE(write({2, 1}, seen(0, 1, 1), 0, 64));
}

TEST_F(AccessHistoryTest, parts_of_the_same_32_bytes_are_told_apart) {
  EXPECT_FALSE(write({0, 1}, seen(1, 0), 0, 4));
  EXPECT_FALSE(write({0, 1}, seen(1, 0), 8, 2));
  EXPECT_FALSE(write({1, 1}, seen(0, 1), 4, 4));
  EXPECT_FALSE(read({1, 2}, seen(0, 2), 10, 22));
}

TEST_F(AccessHistoryTest, a_granule_is_free_when_no_byte_of_it_conflicts) {
  write({0, 1}, seen(1, 0), 0, 64);
  write({0, 2}, seen(2, 0), 30, 2);
  EXPECT_FALSE(history_.is_free_for(0, false, seen(1, 1)));
  EXPECT_TRUE(history_.is_free_for(32, false, seen(1, 1)));
  EXPECT_TRUE(history_.is_free_for(0, false, seen(2, 1)));
  read({0, 3}, seen(3, 0), 0, 2);
  EXPECT_TRUE(history_.is_free_for(0, false, seen(2, 1)));
  EXPECT_FALSE(history_.is_free_for(0, true, seen(2, 1)));
}

TEST_F(AccessHistoryTest, memory_is_undefined_until_written_and_when_spoilt) {
  EXPECT_EQ(history_.first_undefined(0, 64), 0);
  write({0, 1}, seen(1, 0), 0, 64);
  EXPECT_EQ(history_.first_undefined(0, 64), std::nullopt);
  history_.record(40, 4, AccessKind::spoil, {0, 2}, seen(2, 0));
  EXPECT_EQ(history_.first_undefined(0, 64), 40);
  EXPECT_EQ(history_.first_undefined(0, 40), std::nullopt);
  EXPECT_EQ(history_.first_undefined(41, 8), 41);
}

TEST_F(AccessHistoryTest, a_granule_in_part_undefined_is_not_free_to_read) {
  write({0, 1}, seen(1, 0), 0, 30);
  EXPECT_FALSE(history_.is_free_for(0, false, seen(1, 0)));
  EXPECT_TRUE(history_.is_free_for(0, true, seen(1, 0)));
}

TEST(Place, survives_packing) {
  EXPECT_EQ(Place::unpack(Place{7, 123456789}.packed()), (Place{7, 123456789}));
  EXPECT_NE((Place{0, 1}.packed()), 0U) << "0 stands for no operation";
}

}  // namespace
}  // namespace isoflop::emulation
