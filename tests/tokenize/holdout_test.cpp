// SPDX-License-Identifier: MIT
#include "tokenize/holdout.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace isoflop {
namespace {

std::vector<int64_t> held_out_files(const Holdout& holdout, int64_t n_files) {
  std::vector<int64_t> files;
  for (int64_t file = 0; file < n_files; ++file) {
    if (holdout.holds_out(file, file)) files.push_back(file);
  }
  return files;
}

TEST(Holdout, tail_starts_so_that_the_fraction_remains) {
  EXPECT_EQ(Holdout::tail(1000, 0.01).tail_start(), 990);
  EXPECT_EQ(Holdout::tail(10, 0.01).tail_start(), 10);
  EXPECT_FALSE(Holdout::tail(1000, 0.01).holds_out(0, 0));
  EXPECT_TRUE(Holdout::tail(1000, 0.01).holds_out(0, 1));
}

TEST(Holdout, some_files_are_at_least_one_and_never_all) {
  EXPECT_EQ(held_out_files(Holdout::some_files(2, 0.01, 0), 2).size(), 1u);
  EXPECT_EQ(held_out_files(Holdout::some_files(2, 0.99, 0), 2).size(), 1u);
  EXPECT_EQ(held_out_files(Holdout::some_files(1000, 0.05, 0), 1000).size(), 50u);
}

TEST(Holdout, some_files_depend_on_the_seed_alone) {
  EXPECT_EQ(held_out_files(Holdout::some_files(100, 0.1, 1), 100),
            held_out_files(Holdout::some_files(100, 0.1, 1), 100));
  EXPECT_NE(held_out_files(Holdout::some_files(100, 0.1, 1), 100),
            held_out_files(Holdout::some_files(100, 0.1, 2), 100));
}

TEST(Holdout, some_documents_are_the_fraction_and_spread_over_the_text) {
  // 100,000 documents at 1 %: mean 1000, deviation 31.5 (binomial); halves 500, 22.2. Five
  // deviations either side.
  const std::vector<int64_t> chosen = held_out_files(Holdout::some_documents(0.01, 7), 100'000);
  EXPECT_NEAR(static_cast<double>(chosen.size()), 1000, 160);
  const auto first_half =
      std::count_if(chosen.begin(), chosen.end(), [](int64_t number) { return number < 50'000; });
  EXPECT_NEAR(static_cast<double>(first_half), 500, 115);
}

TEST(Holdout, val_files_alone_are_held_out) {
  const Holdout holdout = Holdout::files_from(2);
  EXPECT_FALSE(holdout.holds_out(1, 50));
  EXPECT_TRUE(holdout.holds_out(2, 51));
}

TEST(Holdout, nothing_holds_out_nothing) {
  EXPECT_FALSE(Holdout::nothing().holds_out(0, 0));
  EXPECT_FALSE(Holdout::nothing().tail_start().has_value());
}

}  // namespace
}  // namespace isoflop
