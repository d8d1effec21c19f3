// SPDX-License-Identifier: MIT
#include "planner/what_if/layout_pricing.hpp"

#include "core/base/format.hpp"
#include "planner/analysis/foreign_memory.hpp"
#include "planner/cost/step_cost.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace isoflop {

std::size_t largest_term(const MemoryEstimate& memory) {
  const auto largest = std::max_element(
      kMemoryTerms.begin(), kMemoryTerms.end(),
      [&](const MemoryTerm& a, const MemoryTerm& b) { return memory.*a.bytes < memory.*b.bytes; });
  return static_cast<std::size_t>(largest - kMemoryTerms.begin());
}

std::string describe_excess(const MemoryEstimate& memory, double usable_bytes) {
  const MemoryTerm& term = kMemoryTerms[largest_term(memory)];
  return fmt::format("needs {} of {}: {}, {}, is the largest", format_bytes(memory.total()),
                     format_bytes(usable_bytes), term.name, format_bytes(memory.*term.bytes));
}

LayoutPricer::LayoutPricer(const ModelShape& shape, int64_t seq_len, const MachineModel& machine,
                           Precision precision, bool ours)
    : shape_(shape),
      seq_len_(seq_len),
      machine_(machine),
      precision_(precision),
      ours_(ours),
      own_memory_({shape, {}, seq_len, machine.precision, machine.gpu_kernels}) {}

PricedLayout LayoutPricer::price(const SearchedLayout& layout) {
  const Machine& machine = machine_.machine;
  if (!ours_ || !trainer_runs(layout))
    return {
        layout, step_cost(shape_, layout.parallel, seq_len_, machine),
        in_our_terms(memory_cost(shape_, layout.parallel, seq_len_, precision_, machine.stack))};
  const Layout own = trainer_layout(layout);
  return {layout, predict_step_time(shape_, own, seq_len_, machine_), own_memory_.estimate(own)};
}

}  // namespace isoflop
