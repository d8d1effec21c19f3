// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/tiled_attention.hpp"

#include "core/base/error.hpp"
#include "on_emulated_gpu.hpp"
#include "trainer/tensor/bf16.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace isoflop {
namespace {

using Values = std::vector<double>;
using Outputs = std::map<std::string, Values>;

struct Case {
  std::string name;
  int64_t B, T;
  AttentionShape heads;
};

void PrintTo(const Case& parameter, std::ostream* out) { *out << parameter.name; }

/// Sequences of whole tiles, less than one and several; each width of tiles, full and not; groups.
std::vector<Case> cases() {
  return {{"one_token", 1, 1, {2, 1, 8}},       {"whole_tiles", 1, 64, {1, 1, 32}},
          {"groups_of_two", 2, 35, {4, 2, 12}}, {"d_head_100", 1, 40, {1, 1, 100}},
          {"d_head_150", 1, 9, {1, 1, 150}},    {"d_head_256", 1, 34, {1, 1, 256}}};
}

/// As bf16 holds them, so that all backends get the same numbers.
Values bf16_values(int64_t n, uint64_t seed) {
  Values values = random_values(n, seed, -2, 2);
  for (double& value : values) value = to_float(to_bf16(static_cast<float>(value)));
  return values;
}

/// Both passes, forward(out, lse, qkv) and backward(d_qkv, row_sum, d_out, qkv, out, lse), on
/// tensors of the rig.
template <typename Forward, typename Backward>
Outputs run_passes(OpRig& rig, const Case& shape, DType wide, const Forward& forward,
                   const Backward& backward) {
  const auto& [H, G, D] = shape.heads;
  const Extents qkv_shape{shape.B, shape.T, H + 2 * G, D}, out_shape{shape.B, shape.T, H, D};
  const TensorView qkv = rig.tensor(qkv_shape, bf16_values(qkv_shape.product(), 1));
  const TensorView d_out = rig.tensor(out_shape, bf16_values(out_shape.product(), 2));
  const TensorView out = rig.fresh(out_shape), d_qkv = rig.fresh(qkv_shape);
  const TensorView lse = rig.fresh(wide, {shape.B, H, shape.T});
  const TensorView row_sum = rig.fresh(wide, lse.shape);
  forward(out, lse, qkv);
  backward(d_qkv, row_sum, d_out, qkv, out, lse);
  return {{"out", rig.read(out)}, {"lse", rig.read(lse)}, {"d_qkv", rig.read(d_qkv)}};
}

Outputs run_reference(const Case& shape) {
  OpRig rig(make_reference_backend({}));
  return run_passes(
      rig, shape, DType::f64,
      [&](auto... views) { rig.ops().attention_forward(rig.exec(), views..., {shape.heads}); },
      [&](auto... views) { rig.ops().attention_backward(rig.exec(), views..., {shape.heads}); });
}

Outputs run_tiled(OpRig& rig, const Case& shape) {
  return run_passes(
      rig, shape, DType::f32,
      [&](auto... views) { tiled_attention::forward(rig.exec(), views..., {shape.heads}); },
      [&](auto... views) { tiled_attention::backward(rig.exec(), views..., {shape.heads}); });
}

double relative_distance(const Values& actual, const Values& expected) {
  double distance = 0, norm = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    distance += std::pow(actual[i] - expected[i], 2);
    norm += std::pow(expected[i], 2);
  }
  return norm == 0 ? distance : std::sqrt(distance / norm);
}

class TiledAttention : public testing::TestWithParam<Case> {
 protected:
  void check(Precision precision, double tolerance) const {
    const Outputs expected = run_reference(GetParam());
    on_emulated_gpu(precision, [&](OpRig& rig) {
      const Outputs actual = run_tiled(rig, GetParam());
      for (const auto& [name, values] : expected)
        EXPECT_LE(relative_distance(actual.at(name), values), tolerance) << name;
    });
  }
};

/// Sums of a few hundred products in f32, 6e-8 each.
TEST_P(TiledAttention, agrees_with_the_reference_in_f32) { check(Precision::fp32, 1e-5); }

/// Outputs are rounded to 8 bits, and the backward pass takes the rounded ones.
TEST_P(TiledAttention, agrees_with_the_reference_in_bf16) { check(Precision::bf16, 0x1p-7); }

INSTANTIATE_TEST_SUITE_P(Cases, TiledAttention, testing::ValuesIn(cases()),
                         [](const auto& parameter) { return parameter.param.name; });

TEST(TiledAttentionShape, wider_heads_are_refused) {
  EXPECT_NO_THROW(tiled_attention::check_shape({1, 1, 256}));
  try {
    tiled_attention::check_shape({1, 1, 257});
    FAIL() << "d_head 257 was accepted";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("model.d_head is 257"));
  }
}

}  // namespace
}  // namespace isoflop
