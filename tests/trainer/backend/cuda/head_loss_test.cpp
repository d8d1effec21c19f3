// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/head_loss.hpp"

#include "core/model/activation_table.hpp"
#include "on_emulated_gpu.hpp"
#include "trainer/backend/cuda/cuda_device.hpp"
#include "trainer/tensor/bf16.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace isoflop {
namespace {

using Values = std::vector<double>;
using Outputs = std::map<std::string, Values>;

/// Values that bf16 holds exactly.
Values bf16_values(int64_t n, uint64_t seed) {
  Values values = random_values(n, seed);
  for (double& value : values) value = to_float(to_bf16(static_cast<float>(value)));
  return values;
}

struct Sizes {
  int64_t M, C, V, chunk;
};

Outputs run_head(OpRig& rig, const Sizes& sizes, const Values& targets) {
  const auto [M, C, V, chunk] = sizes;
  const DType wide = rig.dtype() == DType::f64 ? DType::f64 : DType::f32;
  const TensorView loss = rig.filled(DType::f64, {2}, 3);
  const TensorView d_x = rig.fresh({M, C}), d_w = rig.tensor(wide, {V, C}, bf16_values(V * C, 3));
  rig.ops().head_loss(rig.exec(), loss, d_x, d_w, rig.fresh(wide, {chunk, V}),
                      rig.tensor({M, C}, bf16_values(M * C, 1)),
                      rig.tensor({V, C}, bf16_values(V * C, 2)),
                      rig.tensor(DType::i32, {M}, targets), {.grad_scale = 0.25});
  return {{"loss", rig.read(loss)}, {"d_x", rig.read(d_x)}, {"d_w", rig.read(d_w)}};
}

Values targets_for(const Sizes& sizes) {
  Values targets;
  for (int64_t m = 0; m < sizes.M; ++m)
    targets.push_back(m % 5 == 2 ? -1 : static_cast<double>(m * 37 % sizes.V));
  return targets;
}

double relative_distance(const Values& actual, const Values& expected) {
  double distance = 0, norm = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    distance += std::pow(actual[i] - expected[i], 2);
    norm += std::pow(expected[i], 2);
  }
  return std::sqrt(distance / norm);
}

/// Chunks of 16 rows and a last one of 5; of 64 rows that are more than there are.
class CudaHeadLoss : public testing::TestWithParam<int64_t> {};

/// bf16 has 8 bits: each gradient is off by 2^-9 at most, and so is each element of d_x.
TEST_P(CudaHeadLoss, in_bf16_agrees_with_the_reference_to_its_8_bits) {
  const Sizes sizes{37, 24, 264, GetParam()};
  OpRig reference(make_reference_backend({}));
  const Outputs expected = run_head(reference, sizes, targets_for(sizes));
  on_emulated_gpu(Precision::bf16, [&](OpRig& rig) {
    const Outputs actual = run_head(rig, sizes, targets_for(sizes));
    EXPECT_LE(relative_distance(actual.at("loss"), expected.at("loss")), 1e-6);
    EXPECT_LE(relative_distance(actual.at("d_x"), expected.at("d_x")), 0x1p-8);
    EXPECT_LE(relative_distance(actual.at("d_w"), expected.at("d_w")), 0x1p-8);
  });
}

TEST_P(CudaHeadLoss, skipped_targets_give_no_loss_and_no_gradient) {
  const Sizes sizes{37, 24, 264, GetParam()};
  for (const Precision precision : {Precision::fp32, Precision::bf16})
    on_emulated_gpu(precision, [&](OpRig& rig) {
      const Outputs outputs = run_head(rig, sizes, Values(37, -1));
      EXPECT_EQ(outputs.at("loss"), (Values{3, 3}));
      EXPECT_EQ(outputs.at("d_x"), Values(37 * 24, 0));
      EXPECT_EQ(outputs.at("d_w"), bf16_values(264 * 24, 3));
    });
}

INSTANTIATE_TEST_SUITE_P(Chunks, CudaHeadLoss, testing::Values(16, 64));

/// Up to the order of sums: other elements fit into a pack.
TEST(CudaHeadLossOnly, gives_the_loss_that_training_has) {
  constexpr Sizes sizes{37, 24, 264, 16};
  on_emulated_gpu(Precision::bf16, [&](OpRig& rig) {
    const auto [M, C, V, chunk] = sizes;
    const double expected = run_head(rig, sizes, targets_for(sizes)).at("loss")[0];
    const TensorView loss = rig.filled(DType::f64, {2}, 3);
    rig.ops().head_loss(rig.exec(), loss, {}, {}, rig.fresh(DType::f32, {chunk, V}),
                        rig.tensor({M, C}, bf16_values(M * C, 1)),
                        rig.tensor({V, C}, bf16_values(V * C, 2)),
                        rig.tensor(DType::i32, {M}, targets_for(sizes)), {});
    EXPECT_NEAR(rig.read(loss)[0], expected, 1e-6 * expected);
  });
}

// logits, d_x, and d_w twice: set and added to. head_logits takes the first of them.
TEST(CudaHeadLossPlans, are_of_the_products_that_training_runs) {
  constexpr int64_t kRows = 16, V = 257, C = 24;
  const int64_t stride = gpu_logits_stride(V);
  on_emulated_gpu(Precision::bf16, [&](OpRig& rig) {
    MatmulPlans plans(as_cuda_device(rig.device()));
    prepare_head_loss(plans, kRows, kRows, V, C, DType::bf16);
    const std::string table = plans.choose("").table;
    EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 1 + 4) << table;
    emulation::take_trace(0);
    rig.ops().head_logits(rig.exec(), rig.fresh(DType::f32, {kRows, stride}),
                          rig.filled({kRows, C}, 1), rig.filled({V, C}, 1));
    EXPECT_THAT(emulation::take_trace(0),
                testing::Contains(testing::HasSubstr("D 257 x 16 ld 384 f32")));
  });
}

}  // namespace
}  // namespace isoflop
