// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/head_loss.hpp"

#include "core/model/activation_table.hpp"
#include "trainer/backend/cuda/cross_entropy.hpp"
#include "trainer/backend/cuda/cuda_ops.hpp"
#include "trainer/backend/cuda/scratch.hpp"
#include "trainer/backend/op_contracts.hpp"

#include <algorithm>

namespace isoflop {
namespace {

/// The sizes of a chunk's products; rows of logits are `stride` elements apart.
struct ChunkShape {
  int64_t rows, V, C, stride;
  DType compute;

  /// logits (rows, V) f32 = x (rows, C) w^T.
  MatmulShape logits() const {
    return {.M = rows,
            .N = V,
            .K = C,
            .transpose_b = true,
            .a_stride = C,
            .b_stride = C,
            .c_stride = stride,
            .in = compute,
            .out = DType::f32};
  }
  /// d_x (rows, C) = gradient (rows, V) w.
  MatmulShape d_x() const {
    return {.M = rows,
            .N = C,
            .K = V,
            .a_stride = gradient_row_stride(compute, stride),
            .b_stride = C,
            .c_stride = C,
            .in = compute,
            .out = compute};
  }
  /// d_w (V, C) f32 = gradient^T x, or +=.
  MatmulShape d_w(Accumulate into_d_w) const {
    return {.M = V,
            .N = C,
            .K = rows,
            .transpose_a = true,
            .a_stride = gradient_row_stride(compute, stride),
            .b_stride = C,
            .c_stride = C,
            .in = compute,
            .out = DType::f32,
            .accumulate = into_d_w == Accumulate::yes};
  }
};

/// Rows [begin, begin + rows) of a (M, columns) tensor.
TensorView rows_of(const TensorView& tensor, int64_t begin, int64_t rows) {
  const int64_t columns = tensor.size() / tensor.extent(0);
  return tensor.flat_slice(begin * columns, {rows, columns});
}

}  // namespace

void prepare_head_loss(MatmulPlans& plans, int64_t n_rows, int64_t chunk_rows, int64_t vocab_size,
                       int64_t d_model, DType compute) {
  for (const int64_t rows : {std::min(n_rows, chunk_rows), n_rows % chunk_rows}) {
    if (rows == 0) continue;
    const ChunkShape shape{rows, vocab_size, d_model, gpu_logits_stride(vocab_size), compute};
    plans.prepare(shape.logits());
    plans.prepare(shape.d_x());
    for (const Accumulate into_d_w : {Accumulate::no, Accumulate::yes})
      plans.prepare(shape.d_w(into_d_w));
  }
}

int64_t head_loss_scratch_bytes(int64_t n_rows) {
  return aligned_bytes(2 * n_rows * size_of(DType::f32));
}

/// Targets are within the vocabulary or negative: the data loader has checked them.
void CudaOps::head_loss(const Exec& exec, TensorView loss_sums, TensorView d_x, TensorView d_w,
                        TensorView logits, TensorView x, TensorView w, TensorView targets,
                        const HeadLossParams& params) {
  check_head_loss(loss_sums, d_x, d_w, logits, x, w, targets);
  const Arena::Scope scope(exec.arena);
  const int64_t M = x.extent(0), V = w.extent(0), C = w.extent(1), stride = logits.extent(1);
  float* const losses = exec.arena.allocate(DType::f32, {2, M}).as<float>();
  for (int64_t m = 0; m < M; m += logits.extent(0)) {
    const ChunkShape shape{std::min(logits.extent(0), M - m), V, C, stride, x.dtype};
    const CrossEntropyRows rows{.losses = losses + m,
                                .z_losses = losses + M + m,
                                .logits = logits.as<float>(),
                                .targets = targets.as<int32_t>() + m,
                                .n = shape.rows,
                                .vocab_size = V,
                                .stride = stride};
    const TensorView x_rows = rows_of(x, m, shape.rows);
    matmul_.run(exec, shape.logits(), logits.data, x_rows.data, w.data);
    if (!d_x) {
      cross_entropy(exec, rows, params);
      continue;
    }
    cross_entropy_with_gradient(exec, rows, x.dtype, params);
    matmul_.run(exec, shape.d_x(), rows_of(d_x, m, shape.rows).data, logits.data, w.data);
    const Accumulate into_d_w = m > 0 ? Accumulate::yes : params.into_d_w;
    matmul_.run(exec, shape.d_w(into_d_w), d_w.data, logits.data, x_rows.data);
  }
  add_losses(exec, loss_sums.as<double>(), losses, M);
}

void CudaOps::head_logits(const Exec& exec, TensorView logits, TensorView x, TensorView w) {
  check_head_logits(logits, x, w);
  const ChunkShape shape{x.extent(0), w.extent(0), w.extent(1), logits.extent(1), x.dtype};
  matmul_.run(exec, shape.logits(), logits.data, x.data, w.data);
}

}  // namespace isoflop
