// SPDX-License-Identifier: MIT
#include "core/scaling/repeated_data.hpp"

#include "core/scaling/law_catalog.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

// Muennighoff et al. 2023: 4 epochs are worth 3.73 unique ones, 16 worth 10.6, 40 worth 15.2.
TEST(RepeatedData, published_worth_of_epochs) {
  const RepeatedData repeated = LawCatalog::load().repeated_data().value();
  EXPECT_NEAR(effective_tokens(repeated, 1.0, 4), 3.73, 0.005);
  EXPECT_NEAR(effective_tokens(repeated, 1.0, 16), 10.6, 0.05);
  EXPECT_NEAR(effective_tokens(repeated, 1.0, 40), 15.2, 0.05);
}

TEST(RepeatedData, up_to_one_epoch_every_token_counts) {
  EXPECT_DOUBLE_EQ(effective_tokens({.r_star = 15.3878, .r_star_params = {}}, 2e9, 1), 2e9);
  EXPECT_DOUBLE_EQ(effective_tokens({.r_star = 15.3878, .r_star_params = {}}, 2e9, 0.5), 1e9);
}

// By hand, R_N = 2: three times the base size is worth 1 + 2 (1 - e^-1) = 2.264 of it.
TEST(RepeatedData, excess_parameters_decay) {
  const RepeatedData repeated = {.r_star = 15, .r_star_params = 2};
  EXPECT_NEAR(effective_params(repeated, 1e9, 3e9), 2.264e9, 0.001e9);
  EXPECT_DOUBLE_EQ(effective_params(repeated, 1e9, 0.7e9), 0.7e9);
  EXPECT_DOUBLE_EQ(effective_params({.r_star = 15, .r_star_params = {}}, 1e9, 3e9), 3e9);
}

// However large the model, it is worth at most 1 + R_N times what the unique tokens need.
TEST(RepeatedData, published_limit_of_excess_parameters) {
  const RepeatedData repeated = LawCatalog::load().repeated_data().value();
  EXPECT_NEAR(effective_params(repeated, 1.0, 1e9), 6.3097, 1e-4);
}

}  // namespace
}  // namespace isoflop
