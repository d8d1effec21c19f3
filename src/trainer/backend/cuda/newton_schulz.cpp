// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/newton_schulz.hpp"

#include "core/base/round_up.hpp"
#include "trainer/backend/muon.hpp"

#include <algorithm>
#include <utility>

namespace isoflop {
namespace {

/// Elements from a (rows, cols) matrix to the next.
int64_t step_of(int64_t rows, int64_t cols) { return round_up(rows * cols, kFlatAlignment); }

/// Products of a batch of (rows, cols) matrices x.
struct Products {
  MuonBatch batch;
  DType dtype;

  bool is_wide() const { return batch.rows <= batch.cols; }
  int64_t small() const { return std::min(batch.rows, batch.cols); }
  int64_t x_step() const { return step_of(batch.rows, batch.cols); }
  int64_t gram_step() const { return step_of(small(), small()); }

  /// (small, small) = x x^T or x^T x.
  MatmulShape gram() const {
    MatmulShape shape = product(small(), small(), std::max(batch.rows, batch.cols));
    shape.transpose_a = !is_wide();
    shape.transpose_b = is_wide();
    shape.a_stride = shape.b_stride = batch.cols;
    return in_steps(shape, x_step(), x_step(), gram_step());
  }
  MatmulShape square() const {
    return in_steps(product(small(), small(), small()), gram_step(), gram_step(), gram_step());
  }
  /// (rows, cols) = factor x or x factor.
  MatmulShape step() const {
    const MatmulShape shape = product(batch.rows, batch.cols, small());
    return is_wide() ? in_steps(shape, gram_step(), x_step(), x_step())
                     : in_steps(shape, x_step(), gram_step(), x_step());
  }

 private:
  MatmulShape product(int64_t M, int64_t N, int64_t K) const {
    return {.M = M,
            .N = N,
            .K = K,
            .a_stride = K,
            .b_stride = N,
            .c_stride = N,
            .in = dtype,
            .out = dtype};
  }
  MatmulShape in_steps(MatmulShape shape, int64_t a, int64_t b, int64_t c) const {
    if (batch.count == 1) return shape;
    shape.n_batch = batch.count;
    shape.a_step = a;
    shape.b_step = b;
    shape.c_step = c;
    return shape;
  }
};

}  // namespace

NewtonSchulzMemory::NewtonSchulzMemory(const Exec& exec, const MuonBatch& batch, DType dtype)
    : batch_(batch) {
  const Products products{batch, dtype};
  const auto take = [&](int64_t step) { return exec.arena.allocate(dtype, {batch.count * step}); };
  x_ = take(products.x_step());
  next_ = take(products.x_step());
  gram_ = take(products.gram_step());
  factor_ = take(products.gram_step());
}

int64_t NewtonSchulzMemory::bytes(const MuonBatch& batch, DType dtype) {
  const Products products{batch, dtype};
  const int64_t width = batch.count * size_of(dtype);
  return 2 *
         (aligned_bytes(products.x_step() * width) + aligned_bytes(products.gram_step() * width));
}

TensorView NewtonSchulzMemory::x(int64_t i) const {
  return x_.flat_slice(i * step_of(batch_.rows, batch_.cols), {batch_.rows, batch_.cols});
}

void prepare_newton_schulz(MatmulPlans& plans, const MuonBatch& batch, DType dtype) {
  const Products products{batch, dtype};
  for (const MatmulShape& shape : {products.gram(), products.square(), products.step()})
    plans.prepare(shape);
}

void orthogonalise(const Exec& exec, MatmulPlans& plans, NewtonSchulzMemory& memory,
                   int n_iteration) {
  const Products products{memory.batch_, memory.dtype()};
  const auto a = static_cast<float>(kNewtonSchulz[0]), b = static_cast<float>(kNewtonSchulz[1]),
             c = static_cast<float>(kNewtonSchulz[2]);
  const void *const gram = memory.gram_.data, *const factor = memory.factor_.data;
  for (int i = 0; i < n_iteration; ++i) {
    const void* const x = memory.x_.data;
    plans.run(exec, products.gram(), memory.gram_.data, x, x);
    plans.run_blended(exec, products.square(), memory.factor_.data, gram, gram, {c, b, gram});
    plans.run_blended(exec, products.step(), memory.next_.data, products.is_wide() ? factor : x,
                      products.is_wide() ? x : factor, {1.0f, a, x});
    std::swap(memory.x_, memory.next_);
  }
}

}  // namespace isoflop
