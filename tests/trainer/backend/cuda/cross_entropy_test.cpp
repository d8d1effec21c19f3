// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/cross_entropy.hpp"

#include "core/model/activation_table.hpp"
#include "on_emulated_gpu.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

namespace isoflop {
namespace {

using Values = std::vector<double>;

constexpr int64_t kRows = 4;
constexpr double kScale = 0.5;

/// Row 2 is skipped.
Values targets_for(int64_t V) {
  return {0, static_cast<double>(V - 1), -1, static_cast<double>(V / 3)};
}

struct Expected {
  Values losses;
  Values gradient;
};

Expected expected_for(const Values& logits, int64_t V) {
  Expected expected;
  const Values targets = targets_for(V);
  for (int64_t row = 0; row < kRows; ++row) {
    const auto first = logits.begin() + row * V;
    const double target = targets[static_cast<std::size_t>(row)];
    const double sum = std::accumulate(first, first + V, 0.0, [](double so_far, double logit) {
      return so_far + std::exp(logit);
    });
    expected.losses.push_back(
        target < 0 ? 0 : std::log(sum) - first[static_cast<std::ptrdiff_t>(target)]);
    for (int64_t v = 0; v < V; ++v) {
      const double one_hot = static_cast<double>(v) == target ? 1 : 0;
      expected.gradient.push_back(target < 0 ? 0 : kScale * (std::exp(first[v]) / sum - one_hot));
    }
  }
  return expected;
}

/// f32 near 1, where probability and one-hot cancel.
constexpr double kCancellation = 2e-7;

void expect_near(const Values& actual, const Values& expected, double tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i)
    ASSERT_NEAR(actual[i], expected[i], tolerance * std::abs(expected[i]) + kCancellation)
        << "element " << i;
}

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Rows of V with `gap` NaNs behind each.
Values with_gaps(const Values& values, int64_t V, int64_t gap) {
  Values all;
  for (int64_t row = 0; row < kRows; ++row) {
    all.insert(all.end(), values.begin() + row * V, values.begin() + (row + 1) * V);
    all.insert(all.end(), static_cast<std::size_t>(gap), kNan);
  }
  return all;
}

/// On the device: logits with their targets and losses.
struct Rows {
  Rows(OpRig& rig, const Values& values, int64_t of_V, int64_t gap = 0)
      : V(of_V),
        losses(rig.fresh(DType::f32, {kRows})),
        z_losses(rig.fresh(DType::f32, {kRows})),
        logits(rig.tensor(DType::f32, {kRows, V + gap}, with_gaps(values, V, gap))),
        targets(rig.tensor(DType::i32, {kRows}, targets_for(V))) {}
  CrossEntropyRows rows() const {
    return {.losses = losses.as<float>(),
            .z_losses = z_losses.as<float>(),
            .logits = logits.as<float>(),
            .targets = targets.as<int32_t>(),
            .n = kRows,
            .vocab_size = V,
            .stride = logits.extent(1)};
  }
  /// The gradient in the logits' memory.
  Values gradient(OpRig& rig, DType dtype) const {
    const int64_t stride = gradient_row_stride(dtype, logits.extent(1));
    const Values all = rig.read(TensorView(logits.data, dtype, {kRows, stride}));
    Values result;
    for (int64_t row = 0; row < kRows; ++row)
      result.insert(result.end(), all.begin() + row * stride, all.begin() + row * stride + V);
    return result;
  }
  /// What is between the rows.
  Values gaps(OpRig& rig) const {
    const int64_t stride = logits.extent(1);
    const Values all = rig.read(logits);
    Values result;
    for (int64_t row = 0; row < kRows; ++row)
      result.insert(result.end(), all.begin() + row * stride + V, all.begin() + (row + 1) * stride);
    return result;
  }
  int64_t V;
  TensorView losses, z_losses, logits, targets;
};

/// Vocabularies of less than a pack, no whole packs, several stripes of single elements and of
/// packs.
class CudaCrossEntropy : public testing::TestWithParam<int64_t> {
 protected:
  int64_t V() const { return GetParam(); }
  Values logits() const { return random_values(kRows * V(), 7, -4, 4); }

  void check_gradient(DType dtype, double tolerance) const {
    const Values values = logits();
    const Expected expected = expected_for(values, V());
    on_emulated_gpu(Precision::bf16, [&](OpRig& rig) {
      const Rows rows(rig, values, V());
      cross_entropy_with_gradient(rig.exec(), rows.rows(), dtype, {.grad_scale = kScale});
      expect_near(rig.read(rows.losses), expected.losses, 1e-6);
      expect_near(rows.gradient(rig, dtype), expected.gradient, tolerance);
    });
  }
};

/// Exponentials and sums in f32: some 1e-7 each.
TEST_P(CudaCrossEntropy, gradient_in_f32_is_softmax_minus_one_hot) {
  check_gradient(DType::f32, 3e-6);
}

/// Rounded once, to 8 bits.
TEST_P(CudaCrossEntropy, gradient_in_bf16_takes_the_first_half_of_each_row) {
  check_gradient(DType::bf16, 0x1p-8);
}

TEST_P(CudaCrossEntropy, loss_alone_leaves_the_logits) {
  const Values values = logits();
  on_emulated_gpu(Precision::bf16, [&](OpRig& rig) {
    const Rows rows(rig, values, V());
    cross_entropy(rig.exec(), rows.rows(), {});
    expect_near(rig.read(rows.losses), expected_for(values, V()).losses, 1e-6);
    EXPECT_EQ(rig.read(rows.logits), values);
  });
}

TEST_P(CudaCrossEntropy, what_lies_between_aligned_rows_is_neither_read_nor_written) {
  const Values values = logits();
  const Expected expected = expected_for(values, V());
  const int64_t gap = gpu_logits_stride(V()) - V();
  on_emulated_gpu(Precision::bf16, [&](OpRig& rig) {
    for (const DType dtype : {DType::f32, DType::bf16}) {
      const Rows rows(rig, values, V(), gap);
      cross_entropy_with_gradient(rig.exec(), rows.rows(), dtype, {.grad_scale = kScale});
      expect_near(rig.read(rows.losses), expected.losses, 1e-6);
      expect_near(rows.gradient(rig, dtype), expected.gradient,
                  dtype == DType::f32 ? 3e-6 : 0x1p-8);
      for (const double value : rows.gaps(rig)) EXPECT_TRUE(std::isnan(value));
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Vocabularies, CudaCrossEntropy, testing::Values(2, 5, 64, 1031, 8200));

// So that no second block finds room beside it: kMaxThreads of cross_entropy.cu.
TEST(CudaCrossEntropyBlock, of_a_large_vocabulary_is_the_largest_there_is) {
  constexpr int64_t V = 8192;
  on_emulated_gpu(Precision::bf16, [](OpRig& rig) {
    const Rows rows(rig, random_values(kRows * V, 1), V);
    emulation::take_trace(0);
    cross_entropy_with_gradient(rig.exec(), rows.rows(), DType::bf16, {.grad_scale = 1});
    EXPECT_THAT(emulation::take_trace(0),
                testing::ElementsAre(testing::HasSubstr(fmt::format("<<<({}, 1), 1024,", kRows))));
  });
}

/// e^100 is no f32.
TEST(CudaCrossEntropyRange, large_logits_do_not_overflow) {
  constexpr int64_t V = 8;
  const Values values(kRows * V, 1000.0);
  on_emulated_gpu(Precision::fp32, [&](OpRig& rig) {
    const Rows rows(rig, values, V);
    cross_entropy_with_gradient(rig.exec(), rows.rows(), DType::f32, {.grad_scale = 8});
    EXPECT_NEAR(rig.read(rows.losses)[0], std::log(8.0), 1e-6);
    EXPECT_NEAR(rows.gradient(rig, DType::f32)[1], 1.0, 1e-6);
  });
}

/// The sum in f32 would lose the ones: 2^24 + 1 is no f32.
TEST(CudaCrossEntropyRange, losses_are_summed_in_f64) {
  Values losses(2000, 1.0);
  losses[3] = 0x1p24;
  on_emulated_gpu(Precision::fp32, [&](OpRig& rig) {
    const TensorView loss_sums = rig.filled(DType::f64, {2}, 0.25);
    add_losses(rig.exec(), loss_sums.as<double>(),
               rig.tensor(DType::f32, {2, 1000}, losses).as<float>(), 1000);
    EXPECT_EQ(rig.read(loss_sums), (Values{0x1p24 + 999.25, 1000.25}));
  });
}

}  // namespace
}  // namespace isoflop
