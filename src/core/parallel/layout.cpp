// SPDX-License-Identifier: MIT
#include "core/parallel/layout.hpp"

#include "core/base/format.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

/// "fsdp 8 x", "hsdp 2 replicas x 4 shards,".
std::string grid_text(const Layout& layout) {
  const std::string name = enum_name(kStrategyNames, layout.strategy);
  if (layout.strategy == ParallelStrategy::hsdp)
    return fmt::format("{} {} replicas x {} shards,", name, layout.n_replica, layout.n_shard);
  return fmt::format("{} {} x", name, layout.world_size());
}

std::string sharding_text(const Layout& layout) {
  std::string text;
  if (!layout.reshard_after_forward) text += ", no reshard after forward";
  if (layout.min_unit_params > 0)
    text += fmt::format(", units of {} parameters or more", format_grouped(layout.min_unit_params));
  return text;
}

}  // namespace

std::string to_string(const Layout& layout) {
  return fmt::format("{} micro batch {} x accumulation {}, recompute {}{}", grid_text(layout),
                     layout.micro_batch_size, layout.grad_accum_steps, to_string(layout.recompute),
                     sharding_text(layout));
}

}  // namespace isoflop
