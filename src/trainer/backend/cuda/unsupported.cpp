// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/cuda_ops.hpp"

#include <stdexcept>

namespace isoflop {

void CudaOps::dropout(const Exec&, TensorView, TensorView, const Dropout&) {
  throw std::logic_error("dropout has no kernel here");
}

void CudaOps::qk_norm_forward(const Exec&, TensorView, TensorView, TensorView, const QkNormTensors&,
                              const AttentionShape&, const NormParams&) {
  throw std::logic_error("qk_norm has no kernel here");
}

void CudaOps::qk_norm_backward(const Exec&, TensorView, const QkNormTensors&, TensorView,
                               TensorView, const QkNormTensors&, const AttentionShape&,
                               const NormParams&) {
  throw std::logic_error("qk_norm has no kernel here");
}

void CudaOps::muon_update(const Exec&, TensorView, TensorView, TensorView, const StepState*,
                          const MuonParams&) {
  throw std::logic_error("muon_update has no kernel here");
}

void CudaOps::apply_updates(const Exec&, TensorView, TensorView, TensorView, TensorView,
                            const StepState*, double) {
  throw std::logic_error("apply_updates has no kernel here");
}

void CudaOps::update_loss_scale(const Exec&, StepState*, const LossScaleParams&) {
  throw std::logic_error("update_loss_scale has no kernel here");
}

}  // namespace isoflop
