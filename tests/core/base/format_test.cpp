// SPDX-License-Identifier: MIT
#include "core/base/format.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

TEST(Format, counts_have_three_digits_and_decimal_units) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(512), "512");
  EXPECT_EQ(format_count(1234), "1.23 k");
  EXPECT_EQ(format_count(124439808), "124 M");
  EXPECT_EQ(format_count(6.74e9), "6.74 B");
  EXPECT_EQ(format_count(15e12), "15.0 T");
  EXPECT_EQ(format_count(-1234), "-1.23 k");
}

TEST(Format, rounding_moves_on_to_the_next_unit) {
  EXPECT_EQ(format_count(999'499), "999 k");
  EXPECT_EQ(format_count(999'500), "1.00 M");
  EXPECT_EQ(format_bytes(1023.0 * 1024 * 1024 + 1023.0 * 1024), "1.00 GiB");
}

TEST(Format, bytes_have_binary_units) {
  EXPECT_EQ(format_bytes(17), "17 B");
  EXPECT_EQ(format_bytes(1536), "1.50 KiB");
  EXPECT_EQ(format_bytes(12.4 * (1 << 30)), "12.4 GiB");
  EXPECT_EQ(format_bytes(640.0 * (1 << 20)), "640 MiB");
}

TEST(Format, scientific_has_one_digit_before_the_point) {
  EXPECT_EQ(format_scientific(1.5e18), "1.50e18");
  EXPECT_EQ(format_scientific(9.999e17), "1.00e18");
  EXPECT_EQ(format_scientific(-2.5e-7), "-2.50e-7");
  EXPECT_EQ(format_scientific(1000), "1.00e3");
  EXPECT_EQ(format_scientific(0), "0");
}

TEST(Format, durations_choose_their_unit) {
  EXPECT_EQ(format_duration(0), "0 s");
  EXPECT_EQ(format_duration(3.1e-6), "3.10 us");
  EXPECT_EQ(format_duration(0.84), "840 ms");
  EXPECT_EQ(format_duration(12.34), "12.3 s");
  EXPECT_EQ(format_duration(243), "4 min 3 s");
  EXPECT_EQ(format_duration(71 * 3600 + 12 * 60), "71 h 12 min");
  EXPECT_EQ(format_duration(-12.34), "-12.3 s");
}

TEST(Format, durations_round_up_to_the_next_unit) {
  EXPECT_EQ(format_duration(0.9999e-3), "1.00 ms");
  EXPECT_EQ(format_duration(0.9999), "1.00 s");
  EXPECT_EQ(format_duration(59.99), "1 min 0 s");
  EXPECT_EQ(format_duration(3599.7), "1 h 0 min");
}

TEST(Format, groups_of_three_digits) {
  EXPECT_EQ(format_grouped(0), "0");
  EXPECT_EQ(format_grouped(999), "999");
  EXPECT_EQ(format_grouped(1234567), "1,234,567");
  EXPECT_EQ(format_grouped(-123456), "-123,456");
}

TEST(Format, percent_of_a_fraction) {
  EXPECT_EQ(format_percent(0.4123), "41.2 %");
  EXPECT_EQ(format_percent(0.01, 2), "1.00 %");
}

TEST(Format, slurm_time_is_rounded_up) {
  EXPECT_EQ(format_slurm_time(59.01), "00:01:00");
  EXPECT_EQ(format_slurm_time(3600), "01:00:00");
  EXPECT_EQ(format_slurm_time(86399), "23:59:59");
  EXPECT_EQ(format_slurm_time(3 * 86400 + 1), "3-00:00:01");
}

TEST(Format, timestamp_is_iso_8601_in_utc) {
  EXPECT_THAT(utc_timestamp(),
              testing::MatchesRegex("20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"));
  EXPECT_EQ(utc_timestamp(951782400), "2000-02-29T00:00:00Z");
}

}  // namespace
}  // namespace isoflop
