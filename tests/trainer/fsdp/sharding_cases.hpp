// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/layout.hpp"

#include <algorithm>
#include <cstdint>

namespace isoflop {

/// A strategy with what it leaves open.
struct ShardingCase {
  const char* name;
  ParallelStrategy strategy;
  bool reshard_after_forward = true;
  int64_t min_unit_params = 0;
};

/// On `world_size` ranks; hsdp has two copies of the model where there are several ranks.
inline Layout layout_of(const ShardingCase& c, int64_t world_size) {
  int64_t n_shard = c.strategy == ParallelStrategy::ddp ? 1 : world_size;
  if (c.strategy == ParallelStrategy::hsdp) n_shard = std::max<int64_t>(1, world_size / 2);
  return {.strategy = c.strategy,
          .n_replica = world_size / n_shard,
          .n_shard = n_shard,
          .reshard_after_forward = c.reshard_after_forward,
          .min_unit_params = c.min_unit_params};
}

inline constexpr ShardingCase kDdp = {"ddp", ParallelStrategy::ddp};
inline constexpr ShardingCase kZero1 = {"zero1", ParallelStrategy::zero1};
inline constexpr ShardingCase kZero2 = {"zero2", ParallelStrategy::zero2};
inline constexpr ShardingCase kFsdp = {"fsdp", ParallelStrategy::fsdp};
inline constexpr ShardingCase kHsdp = {"hsdp", ParallelStrategy::hsdp};
inline constexpr ShardingCase kStrategies[] = {kDdp, kZero1, kZero2, kFsdp, kHsdp};

}  // namespace isoflop
