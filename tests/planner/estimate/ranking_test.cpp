// SPDX-License-Identifier: MIT
#include "planner/estimate/ranking.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace isoflop {
namespace {

TEST(Ranking, equal_and_opposite_orders) {
  const std::vector<Score> same{{1, 10}, {2, 30}, {3, 31}};
  const std::vector<Score> opposite{{3, 10}, {2, 30}, {1, 31}};
  EXPECT_DOUBLE_EQ(rank_correlation(same).value(), 1);
  EXPECT_DOUBLE_EQ(rank_correlation(opposite).value(), -1);
}

// Ranks 1, 2, 3, 4, 5 against 2, 1, 4, 3, 5: 1 - 6 x 4 / (5 x 24).
TEST(Ranking, counts_exchanged_neighbours) {
  const std::vector<Score> scores{{1, 20}, {2, 10}, {3, 40}, {4, 30}, {5, 50}};
  EXPECT_NEAR(rank_correlation(scores).value(), 0.8, 1e-12);
}

// Ranks 1.5, 1.5, 3 against 1, 2, 3: 1.5 / sqrt(1.5 x 2).
TEST(Ranking, ties_share_their_rank) {
  const std::vector<Score> scores{{1, 1}, {1, 2}, {3, 3}};
  EXPECT_NEAR(rank_correlation(scores).value(), 1.5 / std::sqrt(3.0), 1e-12);
  const std::vector<Score> all_equal{{1, 1}, {1, 2}};
  EXPECT_EQ(rank_correlation(all_equal), std::nullopt);
}

TEST(Ranking, regret_is_what_the_choice_loses) {
  const std::vector<Score> scores{{1, 100}, {3, 80}, {2, 90}};
  EXPECT_NEAR(regret(scores), 0.2, 1e-12);
  const std::vector<Score> right{{1, 80}, {3, 100}};
  EXPECT_EQ(regret(right), 0);
}

}  // namespace
}  // namespace isoflop
