// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/column_sum.hpp"

#include "on_emulated_gpu.hpp"
#include "trainer/backend/cuda/scratch.hpp"

#include <vector>

namespace isoflop {
namespace {

using Values = std::vector<double>;

/// Element (m, n) is m % 5 - n % 7: all sums are exact.
Values matrix(int64_t M, int64_t N) {
  Values values;
  for (int64_t m = 0; m < M; ++m)
    for (int64_t n = 0; n < N; ++n) values.push_back(static_cast<double>(m % 5 - n % 7));
  return values;
}

/// 1 + the column sums of matrix(M, N).
Values expected_sums(int64_t M, int64_t N) {
  Values sums(static_cast<std::size_t>(N), 1);
  const Values values = matrix(M, N);
  for (std::size_t i = 0; i < values.size(); ++i)
    sums[i % static_cast<std::size_t>(N)] += values[i];
  return sums;
}

void expect_exact_sums(OpRig& rig, DType dtype, int64_t M, int64_t N) {
  const TensorView sums = rig.filled(DType::f32, {N}, 1);
  add_column_sums(rig.exec(), sums, rig.tensor(dtype, {M, N}, matrix(M, N)));
  EXPECT_EQ(rig.read(sums), expected_sums(M, N)) << M << " x " << N;
}

TEST(ColumnSum, adds_every_row_once_whatever_the_shape) {
  on_emulated_gpu(Precision::bf16, [](OpRig& rig) {
    for (const DType dtype : {DType::f32, DType::bf16}) {
      expect_exact_sums(rig, dtype, 1, 1);
      expect_exact_sums(rig, dtype, 65, 264);  // two parts; two blocks of columns
      expect_exact_sums(rig, dtype, 4161, 7);  // parts of 66 rows, the last of 3; single elements
    }
  });
}

TEST(ColumnSum, takes_the_scratch_it_says) {
  on_emulated_gpu(Precision::fp32, [](OpRig& rig) {
    for (const int64_t M : {int64_t{1}, int64_t{4161}}) expect_exact_sums(rig, DType::f32, M, 64);
    EXPECT_EQ(rig.arena_peak(), column_sum_scratch_bytes(4161, 64));
  });
}

}  // namespace
}  // namespace isoflop
