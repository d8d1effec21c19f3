// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/newton_schulz.hpp"

#include "trainer/backend/muon.hpp"

#include <algorithm>
#include <utility>

namespace isoflop {
namespace {

/// Products of a (rows, cols) matrix x.
struct Products {
  int64_t rows, cols;
  DType dtype;

  bool is_wide() const { return rows <= cols; }
  int64_t small() const { return std::min(rows, cols); }

  /// (small, small) = x x^T or x^T x.
  MatmulShape gram() const {
    return {.M = small(),
            .N = small(),
            .K = std::max(rows, cols),
            .transpose_a = !is_wide(),
            .transpose_b = is_wide(),
            .a_stride = cols,
            .b_stride = cols,
            .c_stride = small(),
            .in = dtype,
            .out = dtype};
  }
  MatmulShape square() const { return plain(small(), small(), small()); }
  /// (rows, cols) = factor x or x factor.
  MatmulShape step() const { return plain(rows, cols, small()); }

 private:
  MatmulShape plain(int64_t M, int64_t N, int64_t K) const {
    return {.M = M,
            .N = N,
            .K = K,
            .a_stride = K,
            .b_stride = N,
            .c_stride = N,
            .in = dtype,
            .out = dtype};
  }
};

}  // namespace

void prepare_newton_schulz(MatmulPlans& plans, int64_t rows, int64_t cols, DType dtype) {
  const Products products{rows, cols, dtype};
  for (const MatmulShape& shape : {products.gram(), products.square(), products.step()})
    plans.prepare(shape);
}

int64_t newton_schulz_bytes(int64_t rows, int64_t cols, DType dtype) {
  const int64_t small = std::min(rows, cols);
  return 2 * aligned_bytes(rows * cols * size_of(dtype)) +
         2 * aligned_bytes(small * small * size_of(dtype));
}

NewtonSchulzMemory take_newton_schulz_memory(const Exec& exec, int64_t rows, int64_t cols,
                                             DType dtype) {
  const int64_t small = std::min(rows, cols);
  const auto take = [&](int64_t m, int64_t n) { return exec.arena.allocate(dtype, {m, n}); };
  return {take(rows, cols), take(rows, cols), take(small, small), take(small, small)};
}

TensorView orthogonalise(const Exec& exec, MatmulPlans& plans, NewtonSchulzMemory memory,
                         int n_iteration) {
  const Products products{memory.x.extent(0), memory.x.extent(1), memory.x.dtype};
  const auto a = static_cast<float>(kNewtonSchulz[0]), b = static_cast<float>(kNewtonSchulz[1]),
             c = static_cast<float>(kNewtonSchulz[2]);
  const void *const gram = memory.gram.data, *const factor = memory.factor.data;
  for (int i = 0; i < n_iteration; ++i) {
    const void* const x = memory.x.data;
    plans.run(exec, products.gram(), memory.gram.data, x, x);
    plans.run_blended(exec, products.square(), memory.factor.data, gram, gram, {c, b, gram});
    plans.run_blended(exec, products.step(), memory.next.data, products.is_wide() ? factor : x,
                      products.is_wide() ? x : factor, {1.0f, a, x});
    std::swap(memory.x, memory.next);
  }
  return memory.x;
}

}  // namespace isoflop
