// SPDX-License-Identifier: MIT
#include "core/base/error.hpp"
#include "trainer/backend/backend.hpp"
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/cpu/cpu_ops.hpp"
#include "trainer/backend/cpu/matmul.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

DType compute_dtype(Precision precision) {
  if (precision == Precision::fp32) return DType::f32;
  if (precision == Precision::bf16) return DType::bf16;
  if (precision == Precision::fp16) return DType::f16;
  throw ConfigError(
      fmt::format("precision is '{}' (on the CPU training is in fp32, bf16 or fp16); set "
                  "precision: fp32",
                  to_string(precision)));
}

}  // namespace

Backend make_cpu_backend(const CpuDeviceOptions& options, Precision precision) {
  return {std::make_unique<CpuDevice>(options),
          std::make_unique<CpuOps>(options.n_threads, precision),
          compute_dtype(precision),
          DType::f32,
          std::nullopt,
          "",
          matmul_library()};
}

}  // namespace isoflop
