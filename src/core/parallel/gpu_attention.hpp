// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/precision.hpp"
#include "core/model/model_shape.hpp"
#include "core/parallel/gpu_scratch.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

namespace isoflop {

/// From best to last; the last runs everything.
inline constexpr std::array kAttentionOrder = {AttentionBackend::flash_attn_2,
                                               AttentionBackend::sdpa, AttentionBackend::manual};

/// The first of kAttentionOrder from `asked` on for which runs(backend) holds, else the first of
/// all; automatic asks for the best.
template <typename Runs>
AttentionBackend best_attention(AttentionBackend asked, const Runs& runs) {
  const auto start = asked == AttentionBackend::automatic
                         ? kAttentionOrder.begin()
                         : std::find(kAttentionOrder.begin(), kAttentionOrder.end(), asked);
  const auto found = std::find_if(start, kAttentionOrder.end(), runs);
  return found != kAttentionOrder.end()
             ? *found
             : *std::find_if(kAttentionOrder.begin(), kAttentionOrder.end(), runs);
}

/// What decides which attention a GPU can run.
struct GpuAttention {
  const ModelShape& shape;
  Precision precision;
  std::optional<GpuKernels> gpu = std::nullopt;  ///< none: on the GPU that takes most
  bool document_mask = false;
};

/// Why a backend, other than automatic, does not run there, with the limits of
/// core/hardware/gpu_attention_limits.hpp; absent when it does.
std::optional<std::string> why_no_gpu_attention(AttentionBackend backend, const GpuAttention& of);

/// What the trainer runs there: shape.attention_backend, or the next best that runs.
AttentionBackend gpu_attention(const GpuAttention& of);

}  // namespace isoflop
