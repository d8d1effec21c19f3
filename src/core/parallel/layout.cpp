// SPDX-License-Identifier: MIT
#include "core/parallel/layout.hpp"

#include <fmt/format.h>

namespace isoflop {

std::string to_string(const Layout& layout) {
  return fmt::format("{} {} x micro batch {} x accumulation {}, recompute {}",
                     layout.strategy == ParallelStrategy::fsdp ? "fsdp" : "ddp",
                     layout.world_size(), layout.micro_batch_size, layout.grad_accum_steps,
                     layout.recompute == Recompute::full ? "full" : "none");
}

}  // namespace isoflop
