// SPDX-License-Identifier: MIT
#include "core/data/checksum.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

// The check value of CRC-32/ISO-HDLC in the catalogue https://reveng.sourceforge.io/crc-catalogue.
TEST(Crc32, check_value_of_123456789_is_cbf43926) {
  Crc32 crc;
  crc.update("123456789");
  EXPECT_EQ(crc.value(), 0xcbf43926u);
}

TEST(Crc32, pieces_give_the_value_of_the_whole) {
  Crc32 crc;
  crc.update("1234");
  crc.update("");
  crc.update("56789");
  EXPECT_EQ(crc.value(), 0xcbf43926u);
}

TEST(Crc32, concatenate_joins_two_checksums) {
  Crc32 first;
  first.update("1234");
  Crc32 second;
  second.update("56789");
  EXPECT_EQ(Crc32::concatenate(first.value(), second.value(), 5), 0xcbf43926u);
}

TEST(Crc32, is_printed_with_leading_zeros) { EXPECT_EQ(format_crc32(0x2a), "0000002a"); }

}  // namespace
}  // namespace isoflop
