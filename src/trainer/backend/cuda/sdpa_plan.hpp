// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cuda/cudnn_descriptor.hpp"
#include "trainer/backend/cuda/sdpa_graph.hpp"

#include <cstddef>
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

/// Throws FileError where a cuDNN (as cudnnGetVersion() counts) would compute the graphs wrongly:
/// before 9.6 it leaves kDQSum to the caller to clear, before 9.10 it wants another number than
/// -infinity as kMasked, 9.10.0 and 9.10.1 have defects, and up to 9.15.0 a backward pass without
/// padding mask needs seq_len in multiples of 128. Source: NVIDIA's cudnn-frontend 1.23,
/// scaled_dot_product_flash_attention.h, attn_score_modifiers.h and sdpa_support_surface.h.
void check_cudnn_version(std::size_t version, int64_t seq_len);

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
