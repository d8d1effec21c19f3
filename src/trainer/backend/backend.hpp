// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/precision.hpp"
#include "core/parallel/gpu_scratch.hpp"
#include "core/parallel/nccl_registration.hpp"
#include "trainer/backend/device.hpp"
#include "trainer/backend/gpu_facts.hpp"
#include "trainer/backend/ops.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace isoflop {

/// How the CPU device runs its streams: inline executes at once; deferred queues the work and runs
/// streams in an adversarial order drawn from a seed, as late as the events allow, so that a
/// missing wait shows as a wrong result.
enum class CpuStreamMode { run_inline, deferred };

struct CpuDeviceOptions {
  int n_threads = 1;
  CpuStreamMode mode = CpuStreamMode::run_inline;
  uint64_t schedule_seed = 0;
  int64_t memory_limit_bytes = 0;  ///< 0: this rank's share of what the node has
  int ranks_on_node = 1;
};

class Trace;

/// A device and the ops that run on it.
struct Backend {
  std::unique_ptr<Device> device;
  std::unique_ptr<Ops> ops;
  DType compute_dtype = DType::f32;  ///< of parameters in use and activations
  DType master_dtype = DType::f32;   ///< of master parameters, gradients and optimizer state
  std::optional<GpuKernels> gpu = std::nullopt;  ///< none: a CPU
  std::string gpu_name = {};  ///< as it calls itself: "NVIDIA H100 80GB HBM3"; empty: a CPU
  /// Whose products and attention are used, with versions: "oneDNN 2.6.3". Their choice of kernels
  /// follows from the version, the device and the shapes.
  std::string libraries = {};
  std::optional<GpuFacts> gpu_facts = std::nullopt;  ///< none: a CPU
  Trace* trace = nullptr;  ///< where steps that are profiled leave their scopes; none: nowhere
};

/// Fast ops: oneDNN matrix products, vector kernels chosen for the processor at run time. fp32,
/// bf16 or fp16 of parameters in use and activations; the master parameters, gradients and
/// reductions are f32 in all three. Throws ConfigError for another precision.
Backend make_cpu_backend(const CpuDeviceOptions& options, Precision precision = Precision::fp32);
/// Plain loops in f64 on the CPU device: the oracle of every test.
Backend make_reference_backend(const CpuDeviceOptions& options);
/// Why there is no GPU for this local rank ("no NVIDIA driver ..."); absent when there is one.
/// Allocates nothing; may be called before MPI starts.
std::optional<std::string> why_no_cuda_device(int local_rank);
/// Throws DeviceMissingError with that reason.
void check_cuda_device(int local_rank);

struct CudaBackendOptions {
  int local_rank = 0;
  /// bf16, fp16: products and activations in it, master parameters, gradients and reductions in
  /// f32; fp32: everything in f32, without TF32.
  Precision precision = Precision::bf16;
  /// Attention's backward pass sums in a fixed order too, for more memory and some time; without
  /// it everything else does.
  bool deterministic = false;
  NcclRegistration nccl_registration = NcclRegistration::off;
  bool graphs = true;     ///< work that repeats is launched as CUDA graphs
  bool fuse_gelu = true;  ///< products end with GELU where core/parallel/fused_gelu.hpp says so
};

/// Throws as check_cuda_device(), and ConfigError for another precision.
Backend make_cuda_backend(const CudaBackendOptions& options);

}  // namespace isoflop
