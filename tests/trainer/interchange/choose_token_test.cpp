// SPDX-License-Identifier: MIT
#include "trainer/interchange/choose_token.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <set>
#include <vector>

namespace isoflop {
namespace {

/// Probabilities 0.1, 0.4, 0.2 and 0.3.
const std::vector<float> kLogits = {std::log(0.1F), std::log(0.4F), std::log(0.2F), std::log(0.3F)};

/// The shares of [0, 1) that choose each token.
std::array<double, 4> shares(const SamplingParams& params) {
  constexpr int kParts = 10000;
  std::array<double, 4> shares{};
  for (int i = 0; i < kParts; ++i)
    shares.at(static_cast<std::size_t>(choose_token(kLogits, params, (i + 0.5) / kParts))) +=
        1.0 / kParts;
  return shares;
}

void expect_shares(const SamplingParams& params, const std::array<double, 4>& expected) {
  const std::array<double, 4> found = shares(params);
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found.at(i), expected.at(i), 2e-4);
}

TEST(ChooseToken, tokens_have_their_probabilities) { expect_shares({}, {0.1, 0.4, 0.2, 0.3}); }

TEST(ChooseToken, temperature_0_takes_the_largest) {
  expect_shares({.temperature = 0}, {0, 1, 0, 0});
  expect_shares({.temperature = 0, .top_k = 2, .top_p = 0.5}, {0, 1, 0, 0});
}

TEST(ChooseToken, of_equal_logits_the_lower_id_is_taken) {
  EXPECT_EQ(choose_token(std::vector<float>{1, 2, 2}, {.temperature = 0}, 0.9), 1);
}

TEST(ChooseToken, temperature_is_an_exponent_of_the_probabilities) {
  expect_shares({.temperature = 0.5}, {0.01 / 0.3, 0.16 / 0.3, 0.04 / 0.3, 0.09 / 0.3});
}

TEST(ChooseToken, top_k_leaves_the_k_most_probable) {
  expect_shares({.top_k = 2}, {0, 4.0 / 7, 0, 3.0 / 7});
  expect_shares({.top_k = 9}, {0.1, 0.4, 0.2, 0.3});
}

TEST(ChooseToken, top_p_leaves_the_fewest_that_reach_it) {
  expect_shares({.top_p = 0.65}, {0, 4.0 / 7, 0, 3.0 / 7});
  expect_shares({.top_p = 0.75}, {0, 4.0 / 9, 2.0 / 9, 3.0 / 9});
  expect_shares({.top_p = 0}, {0, 1, 0, 0});
}

TEST(ChooseToken, top_p_counts_what_top_k_has_left) {
  expect_shares({.top_k = 2, .top_p = 0.5}, {0, 1, 0, 0});  // 4/7 of two
  expect_shares({.top_k = 2, .top_p = 0.6}, {0, 4.0 / 7, 0, 3.0 / 7});
}

TEST(ChooseToken, the_end_of_the_range_is_the_least_probable) {
  EXPECT_EQ(choose_token(kLogits, {}, std::nextafter(1.0, 0.0)), 0);
}

TEST(SamplingNumber, is_in_range_and_another_for_every_seed_sample_and_position) {
  std::set<double> numbers;
  for (const uint64_t seed : {1U, 2U})
    for (int64_t sample = 0; sample < 4; ++sample)
      for (int64_t position = 0; position < 100; ++position)
        numbers.insert(sampling_number(seed, sample, position));
  EXPECT_EQ(numbers.size(), 800U);
  EXPECT_GE(*numbers.begin(), 0);
  EXPECT_LT(*numbers.rbegin(), 1);
  EXPECT_EQ(sampling_number(1, 2, 3), sampling_number(1, 2, 3));
}

}  // namespace
}  // namespace isoflop
