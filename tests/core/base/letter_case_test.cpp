// SPDX-License-Identifier: MIT
#include "core/base/letter_case.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

TEST(LetterCase, changes_letters_of_ascii_only) {
  EXPECT_EQ(lower_case("NVIDIA H100-SXM5 [80GB] Ä"), "nvidia h100-sxm5 [80gb] Ä");
  EXPECT_EQ(upper_case("hdr100 @ z{"), "HDR100 @ Z{");
  EXPECT_EQ(lower_case(""), "");
}

}  // namespace
}  // namespace isoflop
