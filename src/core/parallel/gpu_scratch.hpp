// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/precision.hpp"
#include "core/model/model_shape.hpp"
#include "core/parallel/optimizer_state.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace isoflop {

struct MuonBatch;

/// What decides which kernels a GPU's libraries choose.
struct GpuKernels {
  int sm_version = 90;         ///< compute capability x 10: 80, 90, 100
  bool deterministic = false;  ///< attention's backward pass sums in a fixed order
};

/// Of a GPU with the compute capability "9.0"; absent for other makers' ("gfx942") and for none.
std::optional<GpuKernels> gpu_kernels(const std::string& compute_capability);

struct AttentionSize {
  int64_t batch_size = 0;  ///< sequences
  int64_t seq_len = 0;
  int64_t n_head = 0;
  int64_t n_kv_head = 0;
  int64_t d_head = 0;
};

/// The most that the plan of a causal bf16 backward pass takes beside its tensors: what plans of
/// cuDNN 9.19 state for sm80, sm90 and sm100 (tests/trainer/backend/cuda/deviceless), T rounded up
/// to 128 and n = B n_head T d_head:
/// - under grouped queries, gradients of keys and values by query head: 2 n bf16 (f32 on sm100 when
///   deterministic);
/// - on sm80, f32 sums of one gradient more: 4 n bytes;
/// - on sm80 and sm90 when deterministic, the gradients of all scores in bf16: 2 B n_head T^2.
int64_t attention_plan_bytes(const AttentionSize& size, const GpuKernels& kernels);

/// The most that one op of a step takes of the arena on a GPU, for micro batches of batch_size
/// sequences: cuBLASLt's workspace, partial sums of our own kernels, or attention (the plan of
/// cuDNN's backward pass and f32 sums of d_q unless deterministic; products of manual attention).
/// At most a few per cent too much.
int64_t gpu_scratch_bytes(const ModelShape& shape, int64_t batch_size, int64_t seq_len,
                          Precision precision, const GpuKernels& kernels);
/// The same for the update: under Muon the matrices of the Newton-Schulz iteration on the largest
/// of the batches (f32 or, in 2-byte precisions, bf16) and cuBLASLt's workspace; 0 under AdamW,
/// which gpu_scratch_bytes() covers.
int64_t gpu_update_scratch_bytes(const ModelShape& shape, OptimizerKind optimizer,
                                 Precision precision, std::span<const MuonBatch> batches);

}  // namespace isoflop
