// SPDX-License-Identifier: MIT
#include "on_emulated_gpu.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

namespace isoflop {
namespace {

using Values = std::vector<double>;

/// 0, 1, 2, ...: all of them exact in bf16.
Values counting(int64_t n) {
  Values values(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i);
  return values;
}

/// n sevens with `inner` from `begin` on.
Values among_sevens(int64_t n, int64_t begin, const Values& inner) {
  Values values(static_cast<std::size_t>(n), 7);
  std::copy(inner.begin(), inner.end(), values.begin() + begin);
  return values;
}

constexpr int64_t kSize = 37;  // whole packs and a rest, in both types

TEST(CudaCast, slices_start_anywhere_and_neighbours_stay) {
  on_emulated_gpu(Precision::bf16, [](OpRig& rig) {
    for (const int64_t begin : {0, 1, 4, 8}) {
      const TensorView in = rig.tensor(DType::f32, {kSize}, counting(kSize));
      const TensorView out = rig.filled(DType::bf16, {64}, 7);
      rig.ops().cast(rig.exec(), out.flat_slice(begin, {kSize}), in);
      EXPECT_EQ(rig.read(out), among_sevens(64, begin, counting(kSize))) << begin;
      const TensorView back = rig.filled(DType::f32, {kSize}, 0);
      rig.ops().cast(rig.exec(), back, out.flat_slice(begin, {kSize}));
      EXPECT_EQ(rig.read(back), counting(kSize)) << begin;
    }
  });
}

TEST(CudaCast, rounds_to_nearest_even) {
  on_emulated_gpu(Precision::bf16, [](OpRig& rig) {
    // bf16 has steps of 2 from 256 on.
    const TensorView in = rig.tensor(DType::f32, {4}, Values{257, 257.01, 259, -257});
    const TensorView out = rig.fresh(DType::bf16, {4});
    rig.ops().cast(rig.exec(), out, in);
    EXPECT_EQ(rig.read(out), (Values{256, 258, 260, -256}));
  });
}

TEST(CudaCast, has_no_kernel_for_integers) {
  on_emulated_gpu(Precision::fp32, [](OpRig& rig) {
    const TensorView in = rig.filled(DType::i32, {4}, 1), out = rig.fresh(DType::f32, {4});
    EXPECT_THROW(rig.ops().cast(rig.exec(), out, in), std::logic_error);
  });
}

TEST(CudaAccumulate, slices_start_anywhere_and_neighbours_stay) {
  on_emulated_gpu(Precision::fp32, [](OpRig& rig) {
    for (const int64_t begin : {0, 1, 4}) {
      const TensorView out = rig.filled(DType::f32, {64}, 7);
      rig.ops().accumulate(rig.exec(), out.flat_slice(begin, {kSize}),
                           rig.tensor(DType::f32, {kSize}, counting(kSize)));
      Values sums = counting(kSize);
      for (double& sum : sums) sum += 7;
      EXPECT_EQ(rig.read(out), among_sevens(64, begin, sums)) << begin;
    }
  });
}

TEST(CudaAccumulate, needs_one_dtype) {
  on_emulated_gpu(Precision::bf16, [](OpRig& rig) {
    const TensorView in = rig.filled(DType::bf16, {4}, 1), out = rig.filled(DType::f32, {4}, 1);
    EXPECT_THROW(rig.ops().accumulate(rig.exec(), out, in), std::logic_error);
  });
}

}  // namespace
}  // namespace isoflop
