// SPDX-License-Identifier: MIT
#include "core/base/mix_bits.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

// The first outputs of SplitMix64 seeded with 1234567, as https://rosettacode.org lists them under
// "Pseudo-random numbers/Splitmix64"; its state moves on by the constant before each output.
TEST(MixBits, gives_the_published_outputs_of_splitmix64) {
  constexpr uint64_t kIncrement = 0x9e3779b97f4a7c15u;
  EXPECT_EQ(mix_bits(1234567), 6457827717110365317u);
  EXPECT_EQ(mix_bits(1234567 + kIncrement), 3203168211198807973u);
  EXPECT_EQ(mix_bits(1234567 + 2 * kIncrement), 9817491932198370423u);
}

}  // namespace
}  // namespace isoflop
