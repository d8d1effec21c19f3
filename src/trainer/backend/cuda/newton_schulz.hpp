// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cuda/matmul.hpp"
#include "trainer/tensor/tensor_view.hpp"

#include <cstdint>

namespace isoflop {

/// Memory of an iteration, all of one dtype (f32 or bf16): x and next (rows, cols), gram and factor
/// (small, small), small the smaller of the two.
struct NewtonSchulzMemory {
  TensorView x, next, gram, factor;
};

/// Plans the products of a (rows, cols) matrix.
void prepare_newton_schulz(MatmulPlans& plans, int64_t rows, int64_t cols, DType dtype);
/// Takes the memory from exec.arena.
NewtonSchulzMemory take_newton_schulz_memory(const Exec& exec, int64_t rows, int64_t cols,
                                             DType dtype);
/// Arena bytes of that memory.
int64_t newton_schulz_bytes(int64_t rows, int64_t cols, DType dtype);

/// Makes memory.x, whose singular values are in (0, 1], nearly orthogonal; returns where the result
/// is. Three products an iteration, on the smaller side (kNewtonSchulz: a, b, c):
///   gram = x x^T, factor = b gram + c gram gram, x = a x + factor x
/// or with x^T in place of x where there are more rows than columns.
TensorView orthogonalise(const Exec& exec, MatmulPlans& plans, NewtonSchulzMemory memory,
                         int n_iteration);

}  // namespace isoflop
