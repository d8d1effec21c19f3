// SPDX-License-Identifier: MIT
#include "core/parallel/fused_gelu.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

TEST(FusedGelu, is_for_tanh_gelu_in_two_bytes_on_hopper_and_blackwell_of_data_centres) {
  constexpr auto kTanh = Activation::gelu_tanh;
  for (const int sm_version : {90, 100, 103}) EXPECT_TRUE(fuses_gelu(sm_version, kTanh, 2, 3072));
  for (const int sm_version : {80, 86, 89, 120})
    EXPECT_FALSE(fuses_gelu(sm_version, kTanh, 2, 3072));
  for (const Activation other : {Activation::gelu_erf, Activation::silu, Activation::relu})
    EXPECT_FALSE(fuses_gelu(90, other, 2, 3072));
  EXPECT_FALSE(fuses_gelu(90, kTanh, 4, 3072)) << "fp32";
  EXPECT_FALSE(fuses_gelu(90, kTanh, 2, 3076)) << "rows that cuBLASLt does not take";
}

}  // namespace
}  // namespace isoflop
