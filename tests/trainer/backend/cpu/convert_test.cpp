// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/convert.hpp"

#include "trainer/tensor/bf16.hpp"
#include "trainer/tensor/f16.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <vector>

namespace isoflop {
namespace {

constexpr uint16_t kF16Infinity = 0x7c00;

/// IEEE 754, binary16: sign, 5 bits of exponent (bias 15), 10 of fraction.
double value_of_f16(uint16_t bits) {
  const double sign = bits & 0x8000u ? -1.0 : 1.0;
  const int exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent == 31) return fraction == 0 ? sign * std::numeric_limits<double>::infinity() : NAN;
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

std::vector<uint16_t> all_bits() {
  std::vector<uint16_t> bits(65536);
  std::iota(bits.begin(), bits.end(), uint16_t{0});
  return bits;
}

std::vector<float> widened(DType type, const std::vector<uint16_t>& bits) {
  std::vector<float> values(bits.size());
  widen(values.data(), bits.data(), type, static_cast<int64_t>(bits.size()));
  return values;
}

std::vector<uint16_t> narrowed(DType type, const std::vector<float>& values) {
  std::vector<uint16_t> bits(values.size());
  narrow(bits.data(), type, values.data(), static_cast<int64_t>(values.size()));
  return bits;
}

TEST(Convert, every_half_becomes_its_value_and_comes_back) {
  const std::vector<uint16_t> bits = all_bits();
  const std::vector<float> values = widened(DType::f16, bits);
  const std::vector<uint16_t> back = narrowed(DType::f16, values);
  for (std::size_t i = 0; i < bits.size(); ++i) {
    const double expected = value_of_f16(bits[i]);
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(values[i]) && std::isnan(value_of_f16(back[i]))) << i;
      continue;
    }
    ASSERT_EQ(values[i], expected) << i;
    ASSERT_EQ(std::signbit(values[i]), std::signbit(expected)) << i;
    ASSERT_EQ(back[i], bits[i]) << i;
  }
}

TEST(Convert, floats_round_to_the_nearest_half_and_ties_to_even) {
  for (uint16_t low = 0; low < kF16Infinity - 1; ++low) {
    const uint16_t high = static_cast<uint16_t>(low + 1);
    const float middle = static_cast<float>((value_of_f16(low) + value_of_f16(high)) / 2);
    const uint16_t even = low % 2 == 0 ? low : high;
    ASSERT_EQ(to_f16(middle).bits, even) << low;
    ASSERT_EQ(to_f16(std::nextafter(middle, 0.0f)).bits, low) << low;
    ASSERT_EQ(to_f16(std::nextafter(middle, 1e9f)).bits, high) << low;
    ASSERT_EQ(to_f16(-middle).bits, even | 0x8000u) << low;
  }
}

TEST(Convert, floats_beyond_the_halves_become_infinity) {
  EXPECT_EQ(to_f16(65504.0f).bits, kF16Infinity - 1);
  EXPECT_EQ(to_f16(std::nextafter(65520.0f, 0.0f)).bits, kF16Infinity - 1);
  EXPECT_EQ(to_f16(65520.0f).bits, kF16Infinity);
  EXPECT_EQ(to_f16(-3e38f).bits, kF16Infinity | 0x8000u);
  EXPECT_EQ(to_f16(1e-30f).bits, 0);
}

TEST(Convert, every_bfloat_comes_back) {
  const std::vector<uint16_t> bits = all_bits();
  const std::vector<float> values = widened(DType::bf16, bits);
  const std::vector<uint16_t> back = narrowed(DType::bf16, values);
  for (std::size_t i = 0; i < bits.size(); ++i) {
    if (std::isnan(values[i]))
      EXPECT_TRUE(std::isnan(to_float(Bf16{back[i]}))) << i;
    else
      ASSERT_EQ(back[i], bits[i]) << i;
  }
}

TEST(Convert, integers_are_refused) {
  float value = 0;
  EXPECT_THROW(widen(&value, &value, DType::i32, 1), std::logic_error);
  EXPECT_THROW(narrow(&value, DType::i64, &value, 1), std::logic_error);
}

}  // namespace
}  // namespace isoflop
