// SPDX-License-Identifier: MIT
#include "trainer/backend/backend.hpp"
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/cpu/cpu_ops.hpp"

namespace isoflop {

Backend make_cpu_backend(const CpuDeviceOptions& options) {
  return {std::make_unique<CpuDevice>(options), std::make_unique<CpuOps>(options.n_threads),
          DType::f32, DType::f32};
}

}  // namespace isoflop
