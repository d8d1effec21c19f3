// SPDX-License-Identifier: MIT
#include "planner/trainer_limits.hpp"

#include "core/model/parameter_list.hpp"
#include "core/parallel/gpu_scratch.hpp"

#include <optional>
#include <utility>

namespace isoflop {

bool trainer_has_kernels(const DeviceSpec& gpu) {
  const std::optional<GpuKernels> kernels = gpu_kernels(gpu.compute_capability);
  if (!kernels) return false;
  return kernels->sm_version / 10 == 8 || kernels->sm_version == 90 || kernels->sm_version == 100;
}

bool trainer_computes_in(Precision precision) {
  return precision == Precision::bf16 || precision == Precision::fp16 ||
         precision == Precision::fp32;
}

std::vector<std::string> missing_kernels(const DeviceSpec& device, Precision precision,
                                         const ModelShape& shape) {
  std::vector<std::string> missing;
  if (std::string part = untrainable_part(shape); !part.empty()) missing.push_back(std::move(part));
  if (device.kind != DeviceClass::gpu) return missing;
  if (!trainer_has_kernels(device)) missing.push_back("kernels for " + device.name);
  if (!trainer_computes_in(precision)) missing.push_back(to_string(precision) + " on GPUs");
  return missing;
}

}  // namespace isoflop
