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
  EXPECT_DOUBLE_EQ(effective_tokens({15.3878}, 2e9, 1), 2e9);
  EXPECT_DOUBLE_EQ(effective_tokens({15.3878}, 2e9, 0.5), 1e9);
}

}  // namespace
}  // namespace isoflop
