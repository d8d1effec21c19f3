// SPDX-License-Identifier: MIT
#include "planner/cost/parallel_layout.hpp"

namespace isoflop {

namespace {

/// Adds what `parts` of `share` of the blocks run again.
void add_parts(RecomputeShare& sum, BlockParts parts, double share, bool post_norm) {
  if (parts.has(BlockPart::attention)) sum.attention += share;
  // Norms and the activation move about as much.
  if (parts.has(BlockPart::norms)) sum.elementwise += share / 2;
  if (parts.has(BlockPart::activations)) sum.elementwise += share / 2;
  if (!parts.has(BlockPart::rest)) return;
  sum.products += share;
  sum.whole_blocks += share;
  if (post_norm) sum.last_product += share;
}

}  // namespace

RecomputeShare recompute_share(const RecomputePlan& plan, const ModelShape& shape) {
  RecomputeShare sum;
  const bool post_norm = shape.norm_position == NormPosition::post;
  for (const RecomputeRange& range : plan.in_backward(shape.n_layer).ranges(shape.n_layer)) {
    const double share = static_cast<double>(range.n_block()) / static_cast<double>(shape.n_layer);
    add_parts(sum, range.parts, share, post_norm);
  }
  return sum;
}

RecomputeShare recompute_share(Recompute mode, SelectiveRule selective) {
  if (mode == Recompute::none) return {};
  if (mode == Recompute::full) return {1, 1, 1, 1, 1, 1};
  if (selective == SelectiveRule::half_of_products)
    return {.products = 0.5, .last_product = 0.5, .elementwise = 1};
  return {.attention = 1};
}

ParallelLayout parallel_layout(const Layout& layout, const RecomputeShare& recompute) {
  ParallelLayout result;
  result.strategy = layout.strategy;
  result.data = layout.world_size();
  result.shard = layout.n_shard;
  result.regathers = layout.reshard_after_forward;
  result.micro_batch = layout.micro_batch_size;
  result.n_micro_batch = layout.grad_accum_steps;
  result.recompute = recompute;
  return result;
}

ParallelLayout parallel_layout(const Layout& layout, const ModelShape& shape) {
  return parallel_layout(layout, recompute_share(layout.recompute, shape));
}

}  // namespace isoflop
