// SPDX-License-Identifier: MIT
#include "planner/nothing_fits.hpp"

#include "core/base/format.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace isoflop {

namespace {

double excess_bytes(const Shortfall& shortfall) {
  return static_cast<double>(shortfall.nearest->memory.total()) - shortfall.capacity.usable_bytes();
}

/// The memory shortfall that comes nearest to fitting; null when memory was not the cause.
const Shortfall* nearest_in_memory(const std::vector<Shortfall>& shortfalls) {
  const Shortfall* nearest = nullptr;
  for (const Shortfall& shortfall : shortfalls) {
    if (shortfall.cause != Shortfall::Cause::memory) continue;
    if (nearest == nullptr || excess_bytes(shortfall) < excess_bytes(*nearest))
      nearest = &shortfall;
  }
  return nearest;
}

/// What makes a term of MemoryEstimate smaller.
std::string remedy_for(const std::string& term, const Layout& layout) {
  const bool per_token =
      term == "activations" || term == "workspace" || term == "logits" || term == "batch";
  if (per_token) return "a shorter --seq-len helps";
  if (layout.strategy == ParallelStrategy::ddp) return "more GPUs in one job (fsdp shards it) help";
  return "more or larger GPUs, or fewer --hours (a smaller model) help";
}

std::string explain_memory(const Shortfall& shortfall) {
  const MemoryEstimate& memory = shortfall.nearest->memory;
  const auto [term, bytes] = memory.terms().front();
  const Layout& layout = shortfall.nearest->layout;
  return fmt::format(
      "no layout fits: the nearest, {} of {}, needs {} of the {} that {} leaves a run (of {}); "
      "largest term: {}, {}; {}",
      to_string(layout), shortfall.shape.name, format_bytes(memory.total()),
      format_bytes(shortfall.capacity.usable_bytes()), shortfall.partition->device.name,
      format_bytes(shortfall.capacity.device_bytes), term, format_bytes(bytes),
      remedy_for(term, layout));
}

std::string explain_time(const Shortfall& shortfall) {
  const Budget& budget = shortfall.budget;
  const std::string margin =
      budget.margin_s > 0 ? fmt::format(" and {} is kept back", format_duration(budget.margin_s))
                          : "";
  return fmt::format(
      "no model fits into {}: start-up takes {}{}, which leaves no time for a few steps of the "
      "smallest model{}",
      format_duration(budget.wall_s), format_duration(budget.startup_s), margin,
      budget.cut_reason.empty()
          ? "; ask for more --hours"
          : " (" + budget.cut_reason + "); raise that limit in the cluster file if it is wrong");
}

std::string explain_batch(const Shortfall& shortfall) {
  return fmt::format(
      "no layout fits: {} GPUs of partition '{}' get less than one sequence each at the batch size "
      "that so little compute needs; ask for fewer --gpus, a shorter --seq-len or more --hours",
      shortfall.job.devices(), shortfall.partition->name);
}

}  // namespace

std::string explain_nothing_fits(const std::vector<Shortfall>& shortfalls) {
  if (const Shortfall* const memory = nearest_in_memory(shortfalls)) return explain_memory(*memory);
  const auto by_batch = std::find_if(
      shortfalls.begin(), shortfalls.end(),
      [](const Shortfall& shortfall) { return shortfall.cause == Shortfall::Cause::batch; });
  const bool all_batch = by_batch != shortfalls.end() && shortfalls.size() == 1;
  return all_batch ? explain_batch(*by_batch) : explain_time(shortfalls.front());
}

}  // namespace isoflop
