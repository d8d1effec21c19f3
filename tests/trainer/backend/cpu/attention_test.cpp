// SPDX-License-Identifier: MIT
#include "../op_rig.hpp"
#include "core/base/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace isoflop {
namespace {

TEST(CpuAttention, scores_of_any_size_stay_finite) {
  // One key scores 1e4 x 1e4 / sqrt(8) above the other: e^score would overflow.
  OpRig rig(make_cpu_backend({}));
  const AttentionShape heads{1, 1, 8};
  std::vector<double> values(2 * 3 * 8, 1.0);
  for (int i = 0; i < 8; ++i) values[24 + static_cast<std::size_t>(i)] = 1e4;  // query of t = 1
  for (int i = 8; i < 16; ++i) values[static_cast<std::size_t>(i)] = 1e4;      // key of t = 0
  for (int i = 16; i < 24; ++i) values[static_cast<std::size_t>(i)] = 5;       // value of t = 0
  const TensorView out = rig.fresh({1, 2, 1, 8}), lse = rig.fresh({1, 1, 2});
  rig.ops().attention_forward(rig.exec(), out, lse, rig.tensor({1, 2, 3, 8}, values), {heads});
  EXPECT_THAT(rig.read(out), testing::Each(testing::DoubleNear(5.0, 1e-5)));
  EXPECT_NEAR(rig.read(lse)[1] / (8e8 / std::sqrt(8.0)), 1, 1e-6);
}

TEST(CpuAttention, heads_wider_than_its_tiles_are_refused_by_name) {
  OpRig rig(make_cpu_backend({}));
  const AttentionShape heads{1, 1, 514};
  const TensorView qkv = rig.filled({1, 1, 3, 514}, 0), out = rig.fresh({1, 1, 1, 514});
  try {
    rig.ops().attention_forward(rig.exec(), out, rig.fresh({1, 1, 1}), qkv, {heads});
    FAIL() << "must throw";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("model.d_head is 514"));
  }
}

}  // namespace
}  // namespace isoflop
