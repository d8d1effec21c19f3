// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_ops.hpp"

#include <stdexcept>

namespace isoflop {

void CpuOps::qk_norm_forward(const Exec&, TensorView, TensorView, TensorView, const QkNormTensors&,
                             const AttentionShape&, const NormParams&) {
  throw std::logic_error("qk_norm has no kernel here");
}

void CpuOps::qk_norm_backward(const Exec&, TensorView, const QkNormTensors&, TensorView, TensorView,
                              const QkNormTensors&, const AttentionShape&, const NormParams&) {
  throw std::logic_error("qk_norm has no kernel here");
}

}  // namespace isoflop
