// SPDX-License-Identifier: MIT
#include "tokenize/bigram_counts.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace isoflop {
namespace {

BigramCounts counts_of(const std::vector<int32_t>& tokens, int64_t vocab_size) {
  BigramCounts counts(vocab_size);
  counts.add(tokens);
  return counts;
}

TEST(BigramCounts, counts_each_neighbour_once) {
  const BigramCounts counts = counts_of({0, 1, 0, 1, 1}, 2);
  EXPECT_EQ(counts.n_pairs(), 4);
  EXPECT_EQ(counts.count(0, 1), 2);
  EXPECT_EQ(counts.count(1, 0), 1);
  EXPECT_EQ(counts.count(1, 1), 1);
  EXPECT_EQ(counts.count_as_first(1), 2);
  EXPECT_EQ(counts.count_as_second(1), 3);
}

TEST(BigramCounts, pieces_count_as_one_sequence) {
  BigramCounts counts(2);
  counts.add(std::vector<int32_t>{0});
  counts.add(std::vector<int32_t>{});
  counts.add(std::vector<int32_t>{1, 0});
  EXPECT_EQ(counts.n_pairs(), 2);
  EXPECT_EQ(counts.count(0, 1), 1);
  EXPECT_EQ(counts.count(1, 0), 1);
}

// By hand: training 0 1 0 1 1 has pairs 01 01 10 11, so c(0) = 1, c(1) = 3 as second and 2, 2 as
// first. Validation 1 1 0 has the targets 1 (after 1) and 0 (after 1). V = 2.
TEST(NgramBaselines, agree_with_the_formula_by_hand) {
  const auto baselines = ngram_baselines(counts_of({0, 1, 0, 1, 1}, 2), counts_of({1, 1, 0}, 2));
  ASSERT_TRUE(baselines.has_value());
  const double unigram = -(std::log(4.0 / 6) + std::log(2.0 / 6)) / 2;
  const double bigram = -(std::log(2.0 / 4) + std::log(2.0 / 4)) / 2;
  EXPECT_NEAR(baselines->unigram_nats_per_token, unigram, 1e-14);
  EXPECT_NEAR(baselines->bigram_nats_per_token, bigram, 1e-14);
}

TEST(NgramBaselines, token_never_seen_in_training_has_a_finite_loss) {
  const auto baselines = ngram_baselines(counts_of({0, 0}, 3), counts_of({2, 2}, 3));
  EXPECT_NEAR(baselines->unigram_nats_per_token, std::log(4.0), 1e-14);
  EXPECT_NEAR(baselines->bigram_nats_per_token, std::log(3.0), 1e-14);
}

TEST(NgramBaselines, absent_without_a_pair_on_either_side) {
  EXPECT_FALSE(ngram_baselines(counts_of({0, 1}, 2), counts_of({1}, 2)).has_value());
  EXPECT_FALSE(ngram_baselines(counts_of({}, 2), counts_of({1, 1}, 2)).has_value());
}

}  // namespace
}  // namespace isoflop
