// SPDX-License-Identifier: MIT
#include "trainer/telemetry/slow_rank_watch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace isoflop {
namespace {

using Times = std::vector<double>;

/// Steps of 10 s, of which each rank works so long by itself and waits for the rest.
Times sample(const Times& own) {
  Times times;
  for (const double seconds : own) times.insert(times.end(), {10, 10 - seconds});
  return times;
}

std::vector<std::size_t> found(SlowRankWatch& watch, const Times& own) {
  std::vector<std::size_t> ranks;
  for (const SlowRank& slow : watch.add(sample(own))) ranks.push_back(slow.rank);
  return ranks;
}

TEST(SlowRankWatch, finds_the_rank_that_waits_least_at_the_third_sample) {
  SlowRankWatch watch(4);
  EXPECT_TRUE(watch.add(sample({2, 2, 3.5, 2})).empty());
  EXPECT_TRUE(watch.add(sample({2, 2, 3.5, 2})).empty());
  const std::vector<SlowRank> slow = watch.add(sample({2, 2, 3.5, 2.5}));
  ASSERT_EQ(slow.size(), 1U);
  EXPECT_EQ(slow[0].rank, 2U);
  EXPECT_EQ(slow[0].own_s, 3.5);
  EXPECT_EQ(slow[0].median_s, 2.25);
}

TEST(SlowRankWatch, needs_more_than_one_and_a_half_times_the_median) {
  SlowRankWatch watch(3);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(watch.add(sample({2, 2, 3})).empty()) << i;
}

TEST(SlowRankWatch, starts_again_after_a_sample_that_is_not_slow) {
  SlowRankWatch watch(3);
  const Times slow = {2, 2, 4}, alike = {2, 2, 2};
  found(watch, slow);
  found(watch, slow);
  found(watch, alike);
  EXPECT_TRUE(found(watch, slow).empty());
  EXPECT_TRUE(found(watch, slow).empty());
  EXPECT_THAT(found(watch, slow), testing::ElementsAre(2));
}

TEST(SlowRankWatch, names_a_rank_once_until_it_recovers) {
  SlowRankWatch watch(3);
  int n_named = 0;
  for (int i = 0; i < 10; ++i) n_named += static_cast<int>(found(watch, {2, 2, 4}).size());
  EXPECT_EQ(n_named, 1);
  found(watch, {2, 2, 2});
  for (int i = 0; i < 10; ++i) n_named += static_cast<int>(found(watch, {2, 2, 4}).size());
  EXPECT_EQ(n_named, 2);
}

TEST(SlowRankWatch, a_rank_that_is_alone_is_never_slow) {
  SlowRankWatch watch(1);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(watch.add(sample({9})).empty());
}

}  // namespace
}  // namespace isoflop
