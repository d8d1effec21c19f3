// SPDX-License-Identifier: MIT
#include "planner/nothing_fits.hpp"

#include "core/base/format.hpp"
#include "planner/critical_batch.hpp"

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
      shortfall.nearest->text(), shortfall.shape.name, format_bytes(memory.total()),
      format_bytes(shortfall.capacity.usable_bytes()), shortfall.partition->device.name,
      format_bytes(shortfall.capacity.device_bytes), term, format_bytes(bytes),
      remedy_for(term, layout));
}

std::string explain_time(const Shortfall& shortfall) {
  const Budget& budget = shortfall.budget;
  const std::string margin =
      budget.split.margin_s > 0
          ? fmt::format(" and {} is kept back", format_duration(budget.split.margin_s))
          : "";
  return fmt::format(
      "no model fits into {}: start-up takes {}{}, which leaves no time for a few steps of the "
      "smallest model{}",
      format_duration(budget.wall_s), format_duration(budget.split.startup_s), margin,
      budget.cut_reason.empty()
          ? "; ask for more --hours"
          : " (" + budget.cut_reason + "); raise that limit in the cluster file if it is wrong");
}

std::string explain_batch(const Shortfall& shortfall) {
  return fmt::format(
      "no layout fits: {} GPUs of partition '{}' get less than one sequence each of the largest "
      "batch that helps so short a training ({:g} critical batches); ask for fewer --gpus, a "
      "shorter --seq-len or more --hours",
      shortfall.job.devices(), shortfall.partition->name, kLargestBatch);
}

/// The aim that needs least time; null when none was missed.
const Shortfall* nearest_aim(const std::vector<Shortfall>& shortfalls) {
  constexpr double kNever = 1e300;
  const Shortfall* nearest = nullptr;
  for (const Shortfall& shortfall : shortfalls) {
    if (shortfall.cause != Shortfall::Cause::aim) continue;
    if (nearest == nullptr ||
        shortfall.needed_s.value_or(kNever) < nearest->needed_s.value_or(kNever))
      nearest = &shortfall;
  }
  return nearest;
}

std::string describe_aim(const Goals& goals) {
  if (goals.loss) return fmt::format("a loss of {:.4g}", *goals.loss);
  if (goals.tokens) return fmt::format("{} tokens", format_count(*goals.tokens));
  return fmt::format("{} FLOPs", format_scientific(goals.compute.value_or(0)));
}

std::string explain_aim(const Shortfall& shortfall, const Goals& goals) {
  if (!shortfall.needed_s)
    return fmt::format(
        "{} is out of reach: no size and number of tokens that were tried get there; ask for less",
        describe_aim(goals));
  const Budget& budget = shortfall.budget;
  return fmt::format(
      "{} takes at least {} on {} GPUs of partition '{}' (a model of {}), more than the {} there "
      "are{}; allow more time or ask for less",
      describe_aim(goals), format_duration(*shortfall.needed_s), shortfall.job.devices(),
      shortfall.partition->name, shortfall.shape.name, format_duration(budget.wall_s),
      budget.cut_reason.empty() ? "" : " (" + budget.cut_reason + ")");
}

std::string explain_shape(const Goals& goals) {
  if (goals.n_params)
    return fmt::format("no shape has {} parameters within {:.0f} %; give --model FILE",
                       format_count(*goals.n_params), 100 * kParamsTolerance);
  return fmt::format("no shape is small enough; {}allow more time",
                     goals.max_params ? "raise --max-params or " : "");
}

}  // namespace

std::string explain_nothing_fits(const std::vector<Shortfall>& shortfalls, const Goals& goals) {
  if (const Shortfall* const aim = nearest_aim(shortfalls)) return explain_aim(*aim, goals);
  if (const Shortfall* const memory = nearest_in_memory(shortfalls)) return explain_memory(*memory);
  if (shortfalls.front().cause == Shortfall::Cause::shape) return explain_shape(goals);
  const auto by_batch = std::find_if(
      shortfalls.begin(), shortfalls.end(),
      [](const Shortfall& shortfall) { return shortfall.cause == Shortfall::Cause::batch; });
  const bool all_batch = by_batch != shortfalls.end() && shortfalls.size() == 1;
  return all_batch ? explain_batch(*by_batch) : explain_time(shortfalls.front());
}

}  // namespace isoflop
