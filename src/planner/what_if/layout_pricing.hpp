// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/memory_model.hpp"
#include "planner/step_time.hpp"
#include "planner/what_if/searched_layout.hpp"

#include <cstdint>
#include <string>

namespace isoflop {

/// A layout with what the planner expects of it.
struct PricedLayout {
  SearchedLayout layout;
  StepTime step_time;
  MemoryEstimate memory;
};

/// Index into kMemoryTerms of the largest.
std::size_t largest_term(const MemoryEstimate& memory);

/// "needs 103 GiB of 72.8 GiB: optimizer state, 61.0 GiB, is the largest".
std::string describe_excess(const MemoryEstimate& memory, double usable_bytes);

/// Prices layouts of one model on one machine: those that our trainer runs by its own memory model
/// and, where `trainer bench` measured, its own speed; others by step_cost and memory_cost.
class LayoutPricer {
 public:
  /// `precision`: of products; `machine.precision` is the one that memory is planned in. Without
  /// `ours` everything is another program's, machine.machine.stack.
  LayoutPricer(const ModelShape& shape, int64_t seq_len, const MachineModel& machine,
               Precision precision, bool ours);

  PricedLayout price(const SearchedLayout& layout);

 private:
  const ModelShape& shape_;
  int64_t seq_len_;
  const MachineModel& machine_;
  Precision precision_;
  bool ours_;
  MemoryModel own_memory_;
};

}  // namespace isoflop
