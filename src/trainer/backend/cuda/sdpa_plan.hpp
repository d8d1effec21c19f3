// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cuda/cudnn_descriptor.hpp"
#include "trainer/backend/cuda/sdpa_graph.hpp"

#include <cstdint>
#include <string>

namespace isoflop {

/// The GPU that a plan is made for: one that is here, by a handle, or one that is only described
/// (cuDNN's "deviceless ahead-of-time compilation"), so that plans can be tried without a GPU.
struct CudnnTarget {
  cudnnHandle_t handle = nullptr;               ///< null: described
  const CudnnDescriptor* properties = nullptr;  ///< device properties, used without a handle
  std::string gpu_name;                         ///< "NVIDIA H100 80GB HBM3", for messages
  int sm_version = 0;                           ///< 80, 90, 100
};

/// A pass of attention as cuDNN will run it: the graph, the kernel chosen and compiled for it.
class SdpaPlan {
 public:
  /// Throws ConfigError when cuDNN has no kernel for the shape on this GPU, with shape, GPU and
  /// reason.
  SdpaPlan(const CudnnTarget& target, const SdpaShape& shape, SdpaPass pass);

  const CudnnDescriptor& descriptor() const { return plan_; }
  /// Bytes that an execution takes beside the graph's own tensors.
  int64_t workspace_bytes() const { return workspace_bytes_; }

 private:
  CudnnGraph graph_;
  CudnnDescriptor plan_;
  int64_t workspace_bytes_;
};

}  // namespace isoflop
