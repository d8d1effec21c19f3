// SPDX-License-Identifier: MIT
#include "planner/cost/step_cost.hpp"

#include "core/model/flops.hpp"
#include "planner/cost/block_cost.hpp"
#include "planner/cost/block_shape.hpp"
#include "planner/cost/stage_blocks.hpp"

#include <algorithm>
#include <cmath>

namespace isoflop {

namespace {

double real(int64_t value) { return static_cast<double>(value); }

/// A stage's pass over one micro batch.
struct StagePass {
  double compute_s = 0;        ///< what communication can hide behind
  double launch_s = 0;         ///< part of it: the device waits for the host
  double communication_s = 0;  ///< of parameters and gradients, exposed
};

/// What one device holds and moves.
struct StageState {
  double parameters = 0;  ///< without shared-out experts
  double expert_parameters = 0;
  double units = 0;  ///< blocks and the ends, which communicate one by one

  double all() const { return parameters + expert_parameters; }
};

/// The stage of a pipeline that the others wait for.
struct SlowestStage {
  double blocks = 0;
  bool has_head = true;
};

SlowestStage slowest_stage(const ModelShape& shape, const ParallelLayout& layout, double block_s,
                           double head_s) {
  const StageBlocks blocks = stage_blocks(shape.n_layer, layout.pipeline);
  const double last = real(blocks.last);
  const double other = real(std::max(blocks.first, blocks.middle));
  if (layout.pipeline == 1 || last * block_s + head_s >= other * block_s) return {last, true};
  return {other, false};
}

/// With a pipeline the tables are on the devices of the ends, one each.
double tables_of(const ModelShape& shape, const ParallelLayout& layout, const SlowestStage& stage) {
  if (layout.pipeline == 1) return shape.tied_embeddings ? 1 : 2;
  return stage.has_head || layout.pipeline == 2 ? 1 : 0;
}

StageState stage_state(const ModelShape& shape, const ParallelLayout& layout,
                       const SlowestStage& stage) {
  const BlockParameters block = block_parameters(shape, layout, expert_share(shape));
  const double table = real(shape.vocab_size) * real(shape.d_model) / real(layout.tensor);
  return {
      .parameters = block.shared_by_data * stage.blocks + tables_of(shape, layout, stage) * table,
      .expert_parameters = block.experts * stage.blocks,
      .units = stage.blocks * real(layout.virtual_pipeline) + 1};
}

double recomputed_s(const BlockCost& block, const RecomputeShare& share) {
  return share.products * (block.products.forward - block.last_product_s) +
         share.last_product * block.last_product_s + share.attention * block.attention.forward +
         share.elementwise * block.elementwise.forward +
         share.communication * block.communication.forward;
}

/// Whether the host has to start the whole forward pass again.
bool runs_blocks_again(const RecomputeShare& share) { return share.products > 0; }

StagePass forward_pass(const BlockCost& block, double blocks) {
  const double busy_s = block.forward_s() + block.communication.forward;
  const double launch_s = std::max(0.0, block.host.forward - busy_s);
  return {.compute_s = blocks * (busy_s + launch_s), .launch_s = blocks * launch_s};
}

StagePass backward_pass(const BlockCost& block, double blocks, const RecomputeShare& share,
                        const Machine& machine) {
  const double busy_s =
      block.backward_s() + block.communication.backward + recomputed_s(block, share);
  const double again_s = runs_blocks_again(share) ? share.products * block.host.forward *
                                                        machine.constants.recompute_launches
                                                  : 0;
  const double launch_s = std::max(0.0, block.host.backward + again_s - busy_s);
  return {.compute_s = blocks * (busy_s + launch_s), .launch_s = blocks * launch_s};
}

/// Gathers or reductions of a device's parameters over those that share them.
class DataParallel {
 public:
  DataParallel(const StageState& state, const ParallelLayout& layout, const Machine& machine)
      : state_(state), layout_(layout), machine_(machine) {}

  double gather_s(double element_bytes) const {
    return collective_s(ranks(), element_bytes * state_.parameters, layout_.tensor) +
           collective_s(expert_ranks(), element_bytes * state_.expert_parameters,
                        layout_.tensor * layout_.expert);
  }
  /// What gathering takes besides when every owner broadcasts its shard: calls one after the other,
  /// each of which the next owner waits for, which is half the ring on average.
  double owner_calls_s() const {
    if (!machine_.stack.gathers_by_owner || ranks() == 1) return 0;
    const RankGroup group = rank_group(machine_.network, ranks(), layout_.tensor);
    const double ring_s = all_gather_s(machine_.network, group, 0);
    return real(ranks()) * (machine_.constants.owner_call_us * 1e-6 + ring_s / 2);
  }
  /// Over the ranks that hold the same shard, when there are any.
  double reduce_over_replicas_s(double element_bytes) const {
    const int64_t replicas = all_ranks() / ranks();
    const double bytes = element_bytes * state_.all() / real(ranks());
    return 2 * collective_s(replicas, bytes, layout_.tensor * ranks());
  }
  bool alone() const { return all_ranks() == 1; }

 private:
  int64_t all_ranks() const { return layout_.data * layout_.context; }
  int64_t ranks() const {
    return layout_.strategy == ParallelStrategy::ddp ? all_ranks()
                                                     : std::min(layout_.shard, all_ranks());
  }
  int64_t expert_ranks() const { return std::max<int64_t>(1, ranks() / layout_.expert); }

  double collective_s(int64_t ranks, double bytes, int64_t stride) const {
    if (ranks == 1 || bytes == 0) return 0;
    RankGroup group = rank_group(machine_.network, ranks, stride);
    if (machine_.stack.gathers_by_broadcast)
      group.port_share = 1 / real(machine_.network.ranks_per_node);
    return all_gather_s(machine_.network, group, bytes);
  }

  const StageState& state_;
  const ParallelLayout& layout_;
  const Machine& machine_;
};

/// What is left of communication beside compute, with its first or last unit, which has nothing to
/// hide behind, and what the two take from each other.
double exposed_s(double communication_s, double compute_s, double units, const Machine& machine) {
  if (!machine.stack.overlaps_data_parallel) return communication_s;
  const double share = machine.stack.gathers_by_broadcast ? 0.5 : 1;
  const double hidden_s = share * machine.constants.overlap * compute_s;
  return std::min(communication_s,
                  std::max(0.0, communication_s - hidden_s) + communication_s / units +
                      machine.constants.contention * std::min(communication_s, compute_s));
}

/// Gradients that leave by chunks, whenever a round of micro batches is through one.
double reduced_rounds_s(double scatter_s, const ParallelLayout& layout, const StagePass& backward,
                        const StageState& state, const Machine& machine) {
  const double round = real(std::min(layout.pipeline, layout.n_micro_batch));
  return std::ceil(real(layout.n_micro_batch) / round) *
         exposed_s(scatter_s, round * backward.compute_s, state.units, machine);
}

bool reduces_every_micro_batch(const ParallelLayout& layout) {
  return layout.strategy != ParallelStrategy::ddp && layout.strategy != ParallelStrategy::zero1 &&
         layout.pipeline == 1;
}

/// Parameters and gradients that move in every micro batch.
void add_micro_batch_communication(StagePass& forward, StagePass& backward,
                                   const DataParallel& data, const ParallelLayout& layout,
                                   const StageState& state, const Machine& machine) {
  if (!reduces_every_micro_batch(layout) || data.alone()) return;
  const bool sharded = shards_parameters(layout.strategy) && layout.regathers;
  const double gather_s = sharded ? data.gather_s(machine.element_bytes) : 0;
  const double scatter_s = data.gather_s(machine.stack.gradient_bytes);
  forward.communication_s = exposed_s(gather_s, forward.compute_s, state.units, machine);
  backward.communication_s =
      exposed_s(gather_s + scatter_s, backward.compute_s, state.units, machine);
}

/// zero1's and zero2's weights after the optimizer.
double exposed_gather_s(const DataParallel& data, const StagePass& forward, const StageState& state,
                        const Machine& machine) {
  const double gather_s = data.gather_s(machine.element_bytes);
  if (!machine.stack.overlaps_gather) return gather_s + data.owner_calls_s();
  return exposed_s(gather_s, forward.compute_s, state.units, machine);
}

/// Parameters and gradients that move once a step: beside the last backward pass what reduces.
double step_communication_s(const DataParallel& data, const ParallelLayout& layout,
                            const StagePass& forward, const StagePass& backward,
                            const StageState& state, const Machine& machine) {
  if (data.alone()) return 0;
  const auto beside_backward_s = [&](double seconds) {
    return exposed_s(seconds, backward.compute_s, state.units, machine);
  };
  const double replicas_s = data.reduce_over_replicas_s(machine.stack.gradient_bytes);
  const double scatter_s = data.gather_s(machine.stack.gradient_bytes);
  const bool sharded = shards_parameters(layout.strategy) && layout.regathers;
  if (reduces_every_micro_batch(layout)) {
    const double always_s = scatter_s + (sharded ? data.gather_s(machine.element_bytes) : 0);
    return beside_backward_s(always_s + replicas_s) - beside_backward_s(always_s) +
           (sharded ? 0 : exposed_gather_s(data, forward, state, machine));
  }
  // ddp's all-reduce sends gradients back, zero1 and the others weights.
  if (layout.strategy == ParallelStrategy::ddp) return beside_backward_s(2 * scatter_s);
  if (layout.reduces_by_chunks())
    return reduced_rounds_s(scatter_s, layout, backward, state, machine) +
           exposed_gather_s(data, forward, state, machine);
  return beside_backward_s(scatter_s + replicas_s) +
         exposed_gather_s(data, forward, state, machine);
}

double optimizer_s(const ParallelLayout& layout, const StageState& state, const Machine& machine) {
  const double ranks = layout.strategy == ParallelStrategy::ddp
                           ? 1
                           : real(std::min(layout.shard, layout.data * layout.context));
  const double bytes = machine.stack.optimizer_bytes.value_or(machine.constants.optimizer_bytes);
  return state.all() / ranks * bytes / machine.memory_bytes_per_s;
}

/// Activations to the next stage and their gradients back, for one micro batch and chunk.
double boundary_s(const ModelShape& shape, const ParallelLayout& layout, int64_t seq_len,
                  const Machine& machine) {
  const double split = real(layout.context) * (layout.sequence_parallel ? real(layout.tensor) : 1);
  const double bytes =
      machine.element_bytes * real(layout.micro_batch * seq_len) / split * real(shape.d_model);
  const int64_t stride = layout.tensor * layout.context * layout.data;
  const bool inside = layout.tensor * layout.pipeline <= machine.network.ranks_per_node;
  return 2 * send_s(machine.network, inside ? 1 : std::max(stride, machine.network.ranks_per_node),
                    bytes);
}

/// Fills in communication of parameters and gradients, given how long the passes compute; returns
/// what one micro batch's forward pass takes with it.
double add_data_communication(StepTime& step, StagePass forward, StagePass backward,
                              const StageState& state, const ParallelLayout& layout,
                              const Machine& machine) {
  const DataParallel data(state, layout, machine);
  add_micro_batch_communication(forward, backward, data, layout, state, machine);
  step.communication_s +=
      real(layout.n_micro_batch) * (forward.communication_s + backward.communication_s) +
      step_communication_s(data, layout, forward, backward, state, machine);
  return forward.compute_s + forward.communication_s;
}

/// Fill and drain, one micro batch's pass through all other stages, and sends that nothing hides.
double bubble_s(const ModelShape& shape, const ParallelLayout& layout, int64_t seq_len,
                double other_stages_s, const Machine& machine) {
  if (layout.pipeline == 1) return 0;
  const double send = boundary_s(shape, layout, seq_len, machine);
  const double chunks = real(layout.virtual_pipeline);
  const double open_sends =
      machine.stack.overlaps_tensor_parallel ? 0 : real(layout.n_micro_batch) * chunks;
  return (other_stages_s + real(layout.pipeline - 1) * send) / chunks + open_sends * send;
}

}  // namespace

StepTime step_cost(const ModelShape& shape, const ParallelLayout& layout, int64_t seq_len,
                   const Machine& machine) {
  const BlockCost block = block_cost(shape, layout, seq_len, machine);
  const PassSeconds head = head_cost(shape, layout, seq_len, machine);
  const double block_s = forward_pass(block, 1).compute_s +
                         backward_pass(block, 1, layout.recompute, machine).compute_s;
  const double head_s = head.forward + head.backward;
  const SlowestStage stage = slowest_stage(shape, layout, block_s, head_s);
  const StageState state = stage_state(shape, layout, stage);
  const double blocks = stage.blocks;
  const double repeats = real(layout.n_micro_batch);
  const StagePass forward = forward_pass(block, blocks);
  const StagePass backward = backward_pass(block, blocks, layout.recompute, machine);

  StepTime step;
  const auto both = [&](const PassSeconds& part) {
    return repeats * blocks * (part.forward + part.backward);
  };
  step.matmul_s = both(block.products);
  step.attention_s = both(block.attention);
  step.memory_bound_s = both(block.elementwise);
  step.communication_s = both(block.communication);
  step.head_s = stage.has_head ? repeats * head_s : 0;
  step.recompute_s = repeats * blocks * recomputed_s(block, layout.recompute);
  step.launch_s = repeats * (forward.launch_s + backward.launch_s);
  const double forward_s = add_data_communication(step, forward, backward, state, layout, machine);
  const double other_blocks = real(shape.n_layer) - blocks;
  step.bubble_s = bubble_s(shape, layout, seq_len,
                           other_blocks * block_s + (stage.has_head ? 0 : head_s), machine);
  step.optimizer_s = optimizer_s(layout, state, machine);
  step.overhead_s = machine.stack.waits_between_steps ? machine.constants.step_overhead_s : 0;
  step.forward_s = forward_s + head.forward;
  return step;
}

StepTime step_cost_as_measured(const ModelShape& shape, const Layout& layout, int64_t seq_len,
                               double efficiency, const Machine& machine) {
  const auto tokens = real(layout.micro_batch_size * seq_len);
  const FlopsPerToken flops = forward_flops_per_token(shape, seq_len);
  const double seconds_per_flop = tokens / (machine.peak_flops * efficiency);
  const auto repeats = real(layout.grad_accum_steps);
  StepTime step;
  step.attention_s = repeats * 3 * flops.attention_scores * seconds_per_flop;
  step.head_s = repeats * 3 * flops.lm_head * seconds_per_flop;
  step.matmul_s = repeats * 3 * flops.matmul() * seconds_per_flop - step.attention_s - step.head_s;
  step.recompute_s =
      repeats * recompute_flops_per_token(shape, layout.recompute, seq_len) * seconds_per_flop;
  const StagePass forward{.compute_s = flops.matmul() * seconds_per_flop};
  const StagePass backward{.compute_s = step.total() / repeats - forward.compute_s};
  const ParallelLayout parallel = parallel_layout(layout, shape);
  const StageState state = stage_state(shape, parallel, {.blocks = real(shape.n_layer)});
  step.forward_s = add_data_communication(step, forward, backward, state, parallel, machine);
  return step;
}

}  // namespace isoflop
