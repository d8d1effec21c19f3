// SPDX-License-Identifier: MIT
#include "core/hardware/mfu.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

// LLaMA 7B at S = 2048: 3 x 13.75 GFLOP a token (causal); 45,000 tokens/s on 8 A100 are 74.4 %.
TEST(Mfu, llama_7b_on_eight_a100) { EXPECT_NEAR(mfu(3 * 13.75e9, 45000.0 / 8, 312), 0.744, 5e-4); }

}  // namespace
}  // namespace isoflop
