// SPDX-License-Identifier: MIT
// Contract checks follow NDEBUG; this file turns them on whatever the build type.
#undef NDEBUG
#include "core/base/check.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

TEST(CheckDeathTest, violated_contract_aborts_with_file_and_condition) {
  const int n_layer = 0;
  EXPECT_DEATH(ISOFLOP_CHECK(n_layer > 0),
               "check_test\\.cpp:[0-9]+: contract violated: n_layer > 0");
}

TEST(Check, kept_contract_is_silent) { ISOFLOP_CHECK(1 + 1 == 2); }

}  // namespace
}  // namespace isoflop
