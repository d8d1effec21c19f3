// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/dropout_factors.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace isoflop {
namespace {

/// A run of more than 2^32 tokens and a seed of more than 32 bits: every word of counter and key
/// counts.
class DropoutFactors : public testing::Test {
 protected:
  static constexpr uint32_t kLane = 5;

  float expected(int64_t row, int64_t column) const {
    const auto token = static_cast<uint64_t>(dropout_.first_token(first_sample_) + row);
    const auto words = dropout_words(dropout_.seed, dropout_.site, kLane, token,
                                     static_cast<uint32_t>(column / 4));
    return words[static_cast<std::size_t>(column % 4)] < dropout_.threshold() ? 0.0f : 1.25f;
  }

  int64_t first_sample_ = int64_t{1} << 33;
  Dropout dropout_{.rate = 0.2,
                   .seed = 0xfedcba9876543210,
                   .first_sample = TensorView(&first_sample_, DType::i64, {1}),
                   .seq_len = 3,
                   .site = 9};
  DropoutLane lane_{dropout_, kLane};
};

TEST_F(DropoutFactors, of_a_row_are_those_of_its_words) {
  for (const int64_t n : {1, 3, 4, 61, 64, 259}) {
    std::vector<float> factors(static_cast<std::size_t>(n + 3));
    dropout_factors_of_row(factors.data(), 17, 8, n, lane_);
    for (int64_t i = 0; i < n; ++i)
      ASSERT_EQ(factors[static_cast<std::size_t>(i)], expected(17, 8 + i)) << i << " of " << n;
  }
}

TEST_F(DropoutFactors, of_a_tile_are_those_of_its_rows) {
  constexpr int64_t kStride = 70, kRows = 67, kColumns = 30;
  std::vector<float> factors(static_cast<std::size_t>((kColumns + 3) * kStride));
  dropout_factors_transposed(factors.data(), {11, kRows, 12, kColumns, kStride}, lane_);
  for (int64_t c = 0; c < kColumns; ++c)
    for (int64_t r = 0; r < kRows; ++r)
      ASSERT_EQ(factors[static_cast<std::size_t>(c * kStride + r)], expected(11 + r, 12 + c));
}

TEST_F(DropoutFactors, drop_as_many_as_the_rate_says) {
  std::vector<float> factors(100000);
  dropout_factors_of_row(factors.data(), 0, 0, 99996, lane_);
  int64_t n_dropped = 0;
  for (int64_t i = 0; i < 99996; ++i) n_dropped += factors[static_cast<std::size_t>(i)] == 0;
  EXPECT_NEAR(static_cast<double>(n_dropped) / 99996, 0.2, 0.005);  // 4 standard deviations
}

}  // namespace
}  // namespace isoflop
