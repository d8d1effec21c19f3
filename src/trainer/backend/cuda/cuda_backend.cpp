// SPDX-License-Identifier: MIT
#include "core/base/error.hpp"
#include "trainer/backend/backend.hpp"
#include "trainer/backend/cuda/cuda_device.hpp"
#include "trainer/backend/cuda/cuda_ops.hpp"
#include "trainer/backend/cuda/read_gpu_facts.hpp"

#include <cublasLt.h>
#include <cudnn.h>
#include <fmt/format.h>

namespace isoflop {
namespace {

DType compute_dtype(Precision precision) {
  if (precision == Precision::bf16) return DType::bf16;
  if (precision == Precision::fp16) return DType::f16;
  if (precision == Precision::fp32) return DType::f32;
  throw ConfigError(fmt::format(
      "precision is '{}' (GPUs compute in bf16, fp16 or fp32 here); set precision: bf16",
      to_string(precision)));
}

}  // namespace

Backend make_cuda_backend(const CudaBackendOptions& options) {
  Backend backend;
  backend.compute_dtype = compute_dtype(options.precision);
  backend.master_dtype = DType::f32;
  auto device =
      std::make_unique<CudaDevice>(options.local_rank, options.nccl_registration, options.graphs);
  backend.ops = std::make_unique<CudaOps>(*device, backend.compute_dtype, options);
  backend.gpu = {.sm_version = device->sm_version(), .deterministic = options.deterministic};
  backend.gpu_name = device->name();
  backend.gpu_facts = read_gpu_facts(device->ordinal());
  backend.libraries = fmt::format("cuBLASLt {}, cuDNN {}", cublasLtGetVersion(), cudnnGetVersion());
  backend.device = std::move(device);
  return backend;
}

}  // namespace isoflop
