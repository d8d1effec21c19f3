// SPDX-License-Identifier: MIT
#include "planner/critical_batch.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

// The paper's other fit is 93.20 N^0.47 (N in millions) for D = 20 N: 302M parameters give 1,364
// sequences of 512 tokens by it.
TEST(CriticalBatch, agrees_with_the_papers_fit_by_parameters) {
  EXPECT_NEAR(critical_batch_tokens(20 * 302e6) / 512, 1364, 10);
}

// An independent fit: 0.0471 D^0.462 sequences of 2,048 tokens where twice the tokens are needed
// (Bergsma et al. 2025, arXiv:2505.13738): 11.6 M tokens at D = 100e9.
TEST(CriticalBatch, twice_the_tokens_come_where_others_measured_it) {
  EXPECT_NEAR(kLargestBatch * critical_batch_tokens(100e9), 11.6e6, 0.15 * 11.6e6);
}

TEST(TokenWorth, is_whole_up_to_the_usual_batch) {
  EXPECT_EQ(token_worth(1e6, 1e6, 100e9), 1);
  EXPECT_EQ(token_worth(2e5, 1e6, 100e9), 1);
}

// At the critical batch (1.2 times the tokens) against five times it (2 times).
TEST(TokenWorth, falls_as_mccandlish_says) {
  const double critical = critical_batch_tokens(100e9);
  EXPECT_NEAR(token_worth(5 * critical, critical, 100e9), 1.2 / 2, 1e-12);
  EXPECT_NEAR(token_worth(5 * critical, 9 * critical, 100e9), 1.2 / 2, 1e-12)
      << "no run uses more than the critical batch as a matter of course";
}

TEST(TokenWorth, steps_bound_the_progress_of_huge_batches) {
  const double steps = 1000;
  const auto progress = [steps](double batch) {
    return steps * batch * token_worth(batch, 1e6, 100e9);
  };
  EXPECT_LT(progress(1e12) / progress(1e10), 1.01);
}

}  // namespace
}  // namespace isoflop
