// SPDX-License-Identifier: MIT
#include "planner/analysis/foreign_memory.hpp"

#include "core/model/parameter_list.hpp"

#include <cmath>

namespace isoflop {
namespace {

ParallelLayout foreign_layout(const Layout& layout, const SoftwareStack& stack) {
  return parallel_layout(layout,
                         recompute_share(layout.recompute.parts(0).mode(), stack.selective));
}

/// What a program of today does, with all scores in memory if asked for.
SoftwareStack stack_for(AttentionBackend attention) {
  SoftwareStack stack;
  if (attention == AttentionBackend::manual) stack.attention = AttentionKernel::materialised;
  return stack;
}

}  // namespace

MemoryEstimate in_our_terms(const DeviceMemory& memory) {
  MemoryEstimate estimate;
  estimate.parameters = std::llround(memory.weights);
  estimate.gradients = std::llround(memory.gradients);
  estimate.optimizer = std::llround(memory.optimizer);
  estimate.gathered = std::llround(memory.gathered);
  estimate.activations = std::llround(memory.activations);
  estimate.logits = std::llround(memory.logits);
  estimate.workspace = std::llround(memory.other);
  return estimate;
}

MemoryEstimate estimate_any_memory(const MemoryRequest& request) {
  if (untrainable_part(request.shape).empty()) return estimate_memory(request);
  const SoftwareStack stack = stack_for(request.shape.attention_backend);
  return in_our_terms(memory_cost(request.shape, foreign_layout(request.layout, stack),
                                  request.seq_len, request.precision, stack, request.optimizer));
}

}  // namespace isoflop
