// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/architectures.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

TEST(Architectures, default_build_runs_on_ampere_hopper_and_data_centre_blackwell) {
  constexpr const char* kDefault = "80-real,90a-real,100a-real";
  for (const int minor : {0, 6, 7, 9}) EXPECT_TRUE(has_code_for(kDefault, 8, minor)) << minor;
  EXPECT_TRUE(has_code_for(kDefault, 9, 0));
  EXPECT_TRUE(has_code_for(kDefault, 10, 0));
  EXPECT_FALSE(has_code_for(kDefault, 7, 5));
  EXPECT_FALSE(has_code_for(kDefault, 10, 3));  // 100a is for 10.0 alone
  EXPECT_FALSE(has_code_for(kDefault, 12, 0));
}

TEST(Architectures, machine_code_runs_on_later_minors_of_its_major_only) {
  EXPECT_FALSE(has_code_for("86-real", 8, 0));
  EXPECT_TRUE(has_code_for("86-real", 8, 9));
  EXPECT_FALSE(has_code_for("86-real", 9, 0));
  EXPECT_TRUE(has_code_for("120-real", 12, 1));
}

TEST(Architectures, ptx_runs_on_everything_later) {
  for (const char* const architecture : {"90", "90-virtual"}) {
    EXPECT_FALSE(has_code_for(architecture, 8, 9)) << architecture;
    EXPECT_TRUE(has_code_for(architecture, 12, 0)) << architecture;
  }
  EXPECT_FALSE(has_code_for("90a", 10, 0));
}

TEST(Architectures, what_cannot_be_told_is_left_to_the_driver) {
  EXPECT_TRUE(has_code_for("all-major", 7, 5));
  EXPECT_FALSE(has_code_for("", 9, 0));
}

}  // namespace
}  // namespace isoflop
