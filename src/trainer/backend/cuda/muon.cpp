// SPDX-License-Identifier: MIT
#include "trainer/backend/muon.hpp"

#include "core/model/muon_matrices.hpp"
#include "trainer/backend/cuda/cuda_ops.hpp"
#include "trainer/backend/cuda/muon_kernels.hpp"
#include "trainer/backend/cuda/newton_schulz.hpp"
#include "trainer/backend/cuda/scratch.hpp"
#include "trainer/backend/op_contracts.hpp"

#include <algorithm>
#include <vector>

namespace isoflop {
namespace {

/// Of Newton-Schulz. bf16 is as good as f32 (Jordan et al. 2024) and its range holds what an
/// iteration makes of large matrices, which f16's does not.
DType newton_schulz_dtype(DType compute) {
  return compute == DType::f32 ? DType::f32 : DType::bf16;
}

}  // namespace

int64_t CudaOps::prepare_update(const ModelShape& shape, OptimizerKind optimizer) {
  if (optimizer == OptimizerKind::adamw) return 0;
  const DType dtype = newton_schulz_dtype(compute_);
  const std::vector<MuonMatrix> matrices = muon_matrices(shape);
  int64_t memory = 0;
  for (const MuonMatrix& matrix : matrices) {
    prepare_newton_schulz(matmul_, matrix.rows, matrix.cols, dtype);
    memory = std::max(memory, newton_schulz_bytes(matrix.rows, matrix.cols, dtype));
  }
  return std::max(memory + muon::sums_bytes() + aligned_bytes(matmul_.workspace_bytes()),
                  segment_update_scratch_bytes(static_cast<int64_t>(matrices.size())));
}

void CudaOps::muon_update(const Exec& exec, TensorView update, TensorView momentum, TensorView grad,
                          const StepState* state, const MuonParams& params) {
  check_muon(update, momentum, grad);
  const Arena::Scope scope(exec.arena);
  const int64_t rows = update.extent(0), cols = update.extent(1);
  const TensorView sums = muon::take_sums(exec);
  const NewtonSchulzMemory memory =
      take_newton_schulz_memory(exec, rows, cols, newton_schulz_dtype(compute_));
  muon::write_direction(exec, update, sums, momentum, grad, state, params);
  muon::normalise(exec, memory.x, update, sums, state);
  const TensorView x = orthogonalise(exec, matmul_, memory, params.n_iteration);
  muon::write_update(exec, update, x, muon_update_scale(rows, cols), state);
}

}  // namespace isoflop
