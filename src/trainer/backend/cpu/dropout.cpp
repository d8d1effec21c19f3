// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_ops.hpp"

#include <stdexcept>

namespace isoflop {

void CpuOps::dropout(const Exec&, TensorView, TensorView, const Dropout&) {
  throw std::logic_error("dropout has no kernel here");
}

}  // namespace isoflop
