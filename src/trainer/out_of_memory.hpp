// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/train_config.hpp"
#include "trainer/backend/backend.hpp"
#include "trainer/comm/process_grid.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace isoflop {

/// A change of the configuration that makes a rank's memory smaller.
struct MemoryRemedy {
  std::string change;  ///< "layout.recompute full"
  LayoutConfig layout;
  int64_t bytes = 0;  ///< what a rank allocates then, as predicted
};

/// What brings a rank below `capacity` bytes on as many ranks, least cost in time first: the largest
/// smaller micro batch (accumulation keeps the batch), recomputation, zero1, fsdp. If none is enough
/// by itself, one remedy of as many of them as it takes; nothing if all together are not enough.
std::vector<MemoryRemedy> memory_remedies(const TrainConfig& config, int64_t world_size,
                                          const Backend& backend, int64_t capacity);

/// Runs `work`. What it throws for lack of memory is thrown on as an OutOfMemoryError that names
/// rank and host, category and bytes asked and free, and the remedies.
void explain_out_of_memory(const TrainConfig& config, const Backend& backend, const RankInfo& info,
                           const std::function<void()>& work);

}  // namespace isoflop
