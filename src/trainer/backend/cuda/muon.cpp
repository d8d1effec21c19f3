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

int64_t CudaOps::prepare_update(const ModelShape& shape, OptimizerKind optimizer,
                                std::span<const MuonBatch> batches) {
  if (optimizer == OptimizerKind::adamw) return 0;
  const DType dtype = newton_schulz_dtype(compute_);
  int64_t memory = 0;
  for (const MuonBatch& batch : batches) {
    prepare_newton_schulz(matmul_, batch, dtype);
    memory = std::max(memory, NewtonSchulzMemory::bytes(batch, dtype));
  }
  const auto n_matrix = static_cast<int64_t>(muon_matrices(shape).size());
  return std::max(memory + muon::sums_bytes() + aligned_bytes(matmul_.workspace_bytes()),
                  segment_update_scratch_bytes(n_matrix));
}

void CudaOps::muon_update(const Exec& exec, TensorView update, TensorView momentum, TensorView grad,
                          const StepState* state, const MuonParams& params) {
  const MuonOperands operands{update, momentum, grad};
  muon_update_batch(exec, {&operands, 1}, state, params);
}

void CudaOps::muon_update_batch(const Exec& exec, std::span<const MuonOperands> matrices,
                                const StepState* state, const MuonParams& params) {
  const Arena::Scope scope(exec.arena);
  const int64_t rows = matrices.front().update.extent(0), cols = matrices.front().update.extent(1);
  const TensorView sums = muon::take_sums(exec);
  NewtonSchulzMemory memory(exec, {rows, cols, std::ssize(matrices)},
                            newton_schulz_dtype(compute_));
  for (int64_t i = 0; i < std::ssize(matrices); ++i) {
    const auto& [update, momentum, grad] = matrices[static_cast<std::size_t>(i)];
    check_muon(update, momentum, grad);
    muon::write_direction(exec, update, sums, momentum, grad, state, params);
    muon::normalise(exec, memory.x(i), update, sums, state);
  }
  orthogonalise(exec, matmul_, memory, params.n_iteration);
  for (int64_t i = 0; i < std::ssize(matrices); ++i)
    muon::write_update(exec, matrices[static_cast<std::size_t>(i)].update, memory.x(i),
                       muon_update_scale(rows, cols), state);
}

}  // namespace isoflop
