// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_ops.hpp"

#include <stdexcept>

namespace isoflop {

void CpuOps::muon(const Exec&, TensorView, TensorView, TensorView, const StepState*,
                  const MuonParams&) {
  throw std::logic_error("muon has no kernel here");
}

}  // namespace isoflop
