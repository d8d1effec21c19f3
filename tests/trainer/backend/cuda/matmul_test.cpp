// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/matmul.hpp"

#include "core/base/error.hpp"
#include "emulation/emulation.hpp"
#include "emulation/findings.hpp"
#include "op_rig.hpp"
#include "trainer/backend/cuda/cuda_device.hpp"
#include "trainer/tensor/bf16.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace isoflop {
namespace {

using Values = std::vector<double>;

constexpr int64_t M = 5, N = 7, K = 11;

/// A stored matrix of `rows` rows, `stride` elements apart, the first `cols` of which count.
struct Matrix {
  Matrix(int64_t rows_, int64_t cols_, int64_t stride_, uint64_t seed)
      : rows(rows_), cols(cols_), stride(stride_), values(random_values(rows_ * stride_, seed)) {
    for (double& value : values) value = to_float(to_bf16(static_cast<float>(value)));
  }
  double at(int64_t row, int64_t col) const {
    return values[static_cast<std::size_t>(row * stride + col)];
  }
  int64_t rows, cols, stride;
  Values values;
};

/// Element (i, j) of op(matrix).
double element(const Matrix& matrix, bool transposed, int64_t i, int64_t j) {
  return transposed ? matrix.at(j, i) : matrix.at(i, j);
}

/// The definition of MatmulShape, in f64.
Values product(const MatmulShape& s, const Matrix& a, const Matrix& b, const Values& bias,
               const Matrix& c) {
  Values result = c.values;
  for (int64_t m = 0; m < s.M; ++m)
    for (int64_t n = 0; n < s.N; ++n) {
      double sum = s.accumulate ? c.at(m, n) : 0;
      if (s.has_bias) sum += bias[static_cast<std::size_t>(n)];
      for (int64_t k = 0; k < s.K; ++k)
        sum += element(a, s.transpose_a, m, k) * element(b, s.transpose_b, k, n);
      result[static_cast<std::size_t>(m * s.c_stride + n)] = sum;
    }
  return result;
}

/// Compares a product on the emulated GPU with the definition; what lies between the rows of c must
/// stay as it was.
void expect_product(const MatmulShape& s) {
  const Matrix a(s.transpose_a ? s.K : s.M, s.transpose_a ? s.M : s.K, s.a_stride, 1);
  const Matrix b(s.transpose_b ? s.N : s.K, s.transpose_b ? s.K : s.N, s.b_stride, 2);
  const Matrix c(s.M, s.N, s.c_stride, 3);
  const Values bias = Matrix(1, s.N, s.N, 4).values;
  emulation::run_ranks({}, [&](int) {
    OpRig rig(make_cuda_backend({}));
    MatmulPlans plans(as_cuda_device(rig.device()));
    const TensorView out = rig.tensor(s.out, {s.M, s.c_stride}, c.values);
    plans.run(rig.exec(), s, out.data, rig.tensor(s.in, {a.rows, a.stride}, a.values).data,
              rig.tensor(s.in, {b.rows, b.stride}, b.values).data,
              s.has_bias ? rig.tensor(s.out, {s.N}, bias).data : nullptr);
    const Values expected = product(s, a, b, bias, c);
    const Values actual = rig.read(out);
    // f32 sums of bf16 values; a bf16 result keeps 8 bits.
    const double tolerance = s.out == DType::bf16 ? std::ldexp(1.0, -8) : 1e-6;
    for (std::size_t i = 0; i < expected.size(); ++i)
      EXPECT_NEAR(actual[i], expected[i], tolerance * std::max(1.0, std::abs(expected[i])))
          << "element " << i;
  });
}

MatmulShape packed(bool transpose_a, bool transpose_b) {
  return {.M = M,
          .N = N,
          .K = K,
          .transpose_a = transpose_a,
          .transpose_b = transpose_b,
          .a_stride = transpose_a ? M : K,
          .b_stride = transpose_b ? K : N,
          .c_stride = N};
}

TEST(MatmulPlans, multiplies_row_major_matrices_in_all_transpositions) {
  for (const bool transpose_a : {false, true})
    for (const bool transpose_b : {false, true}) {
      SCOPED_TRACE(testing::Message() << "transposed: " << transpose_a << transpose_b);
      expect_product(packed(transpose_a, transpose_b));
    }
}

TEST(MatmulPlans, adds_a_bias_to_every_row) {
  MatmulShape shape = packed(false, true);
  shape.has_bias = true;
  expect_product(shape);
  shape.in = shape.out = DType::bf16;
  expect_product(shape);
}

TEST(MatmulPlans, accumulates_into_f32_from_bf16_operands) {
  MatmulShape shape = packed(true, false);
  shape.in = DType::bf16;
  shape.accumulate = true;
  expect_product(shape);
}

TEST(MatmulPlans, reads_and_writes_parts_of_wider_rows) {
  MatmulShape shape = packed(true, true);
  shape.a_stride += 3;
  shape.b_stride += 5;
  shape.c_stride += 2;
  expect_product(shape);
}

TEST(MatmulPlans, multiplies_the_matrices_of_a_batch) {
  MatmulShape one = packed(true, false);
  one.in = one.out = DType::bf16;
  MatmulShape all = one;
  all.n_batch = 3;
  all.a_step = M * K + 9;
  all.b_step = K * N + 3;
  all.c_step = M * N + 5;
  emulation::run_ranks({}, [&](int) {
    OpRig rig(make_cuda_backend({}));
    MatmulPlans plans(as_cuda_device(rig.device()));
    const TensorView a = rig.tensor(DType::bf16, {3, all.a_step}, random_values(3 * all.a_step, 1));
    const TensorView b = rig.tensor(DType::bf16, {3, all.b_step}, random_values(3 * all.b_step, 2));
    const TensorView batch = rig.filled(DType::bf16, {3, all.c_step}, 7);
    const TensorView alone = rig.filled(DType::bf16, {3, all.c_step}, 7);
    plans.run(rig.exec(), all, batch.data, a.data, b.data);
    one.starts = 1;
    for (const int64_t i : {0, 1, 2})
      plans.run(rig.exec(), one, alone.flat_slice(i * all.c_step, {M, N}).data,
                a.flat_slice(i * all.a_step, {K, M}).data,
                b.flat_slice(i * all.b_step, {K, N}).data);
    EXPECT_EQ(rig.read(batch), rig.read(alone));
  });
}

TEST(MatmulPlans, a_planned_product_takes_the_arena_bytes_it_says) {
  emulation::run_ranks({}, [&](int) {
    OpRig rig(make_cuda_backend({}));
    CudaDevice& device = as_cuda_device(rig.device());
    MatmulPlans plans(device);
    const MatmulShape shape = packed(false, false);
    plans.prepare(shape);
    Arena arena(device, plans.workspace_bytes(), MemoryCategory::workspace);
    const TensorView c = rig.filled(DType::f32, {M, N}, 0);
    plans.run({device, device.compute_stream(), arena}, shape, c.data,
              rig.filled(DType::f32, {M, K}, 1).data, rig.filled(DType::f32, {K, N}, 1).data);
    EXPECT_EQ(rig.read(c), Values(M * N, K));
    EXPECT_EQ(arena.used(), 0);
  });
}

TEST(MatmulPlans, refuses_a_product_that_no_algorithm_computes_by_its_sizes_and_types) {
  emulation::run_ranks({}, [&](int) {
    OpRig rig(make_cuda_backend({}));
    MatmulPlans plans(as_cuda_device(rig.device()));
    MatmulShape narrowing = packed(true, false);
    narrowing.out = DType::bf16;
    try {
      plans.prepare(narrowing);
      ADD_FAILURE() << "accepted";
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("product of (11, 5) transposed and (11, 7) from "
                                                   "f32 to bf16: cuBLASLt has no algorithm"));
      EXPECT_THAT(error.what(), testing::HasSubstr("or layout.micro_batch_size"));
    }
    emulation::take_findings();  // the emulation finds fault with such a question
  });
}

}  // namespace
}  // namespace isoflop
