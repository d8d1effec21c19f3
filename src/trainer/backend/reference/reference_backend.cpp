// SPDX-License-Identifier: MIT
#include "trainer/backend/backend.hpp"
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/reference/reference_ops.hpp"

namespace isoflop {

Backend make_reference_backend(const CpuDeviceOptions& options) {
  return {std::make_unique<CpuDevice>(options), std::make_unique<ReferenceOps>(), DType::f64,
          DType::f64};
}

}  // namespace isoflop
