// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/gpu_scratch.hpp"
#include "core/plan/train_config.hpp"

#include <optional>
#include <string>

namespace isoflop {

/// The GPU of this rank, whose own limits count besides; none: a CPU, or not asked yet.
using KnownGpu = std::optional<GpuKernels>;

/// Why `backend` does not run this configuration on its device, which is chosen already; absent
/// when it does.
std::optional<std::string> why_no_attention(AttentionBackend backend, const TrainConfig& config,
                                            const KnownGpu& gpu = std::nullopt);

/// The attention backend that runs: model.attention_backend where it can, the best that can for
/// automatic, else the next in the order flash_attn_2, sdpa, manual (then the best of all). Another
/// than the one asked for is said in one line, and so is a GPU's slower one in bf16 or fp16. Throws
/// ConfigError instead of taking another one under model.attention_strict.
AttentionBackend choose_attention(const TrainConfig& config, const KnownGpu& gpu = std::nullopt);

}  // namespace isoflop
