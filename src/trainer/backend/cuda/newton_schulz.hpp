// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/muon_owners.hpp"
#include "trainer/backend/cuda/matmul.hpp"
#include "trainer/tensor/tensor_view.hpp"

#include <cstdint>

namespace isoflop {

/// Memory of an iteration on a batch of matrices, all of one dtype (f32 or bf16): x and next (rows,
/// cols), gram and factor (small, small), small the smaller of the two, each for every matrix.
class NewtonSchulzMemory {
 public:
  /// Takes it from exec.arena.
  NewtonSchulzMemory(const Exec& exec, const MuonBatch& batch, DType dtype);
  /// Arena bytes of that.
  static int64_t bytes(const MuonBatch& batch, DType dtype);

  const MuonBatch& batch() const { return batch_; }
  DType dtype() const { return x_.dtype; }
  /// x of the i-th matrix, where the iteration begins and ends.
  TensorView x(int64_t i) const;

 private:
  friend void orthogonalise(const Exec& exec, MatmulPlans& plans, NewtonSchulzMemory& memory,
                            int n_iteration);
  MuonBatch batch_;
  TensorView x_, next_, gram_, factor_;  // matrices one after another, each aligned
};

/// Plans the products.
void prepare_newton_schulz(MatmulPlans& plans, const MuonBatch& batch, DType dtype);

/// Makes each x, whose singular values are in (0, 1], nearly orthogonal. Three products an
/// iteration, each of all matrices, on the smaller side (kNewtonSchulz: a, b, c):
///   gram = x x^T, factor = b gram + c gram gram, x = a x + factor x
/// or with x^T in place of x where there are more rows than columns.
void orthogonalise(const Exec& exec, MatmulPlans& plans, NewtonSchulzMemory& memory,
                   int n_iteration);

}  // namespace isoflop
