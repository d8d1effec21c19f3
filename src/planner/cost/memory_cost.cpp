// SPDX-License-Identifier: MIT
#include "planner/cost/memory_cost.hpp"

#include "planner/cost/block_shape.hpp"
#include "planner/cost/stage_blocks.hpp"

#include <algorithm>

namespace isoflop {

namespace {

constexpr double kWide = 4;  // fp32
constexpr double kAdamWMoments = 2;
/// Scores, their softmax and dropout's mask (arXiv:2205.05198, section 4.1).
constexpr double kScoreBytes = 5;
/// Token ids, random states, buffers of cuBLAS and others that PyTorch allocates.
constexpr double kOtherBytes = 0.6 * 1024 * 1024 * 1024;
/// Copies of the tokens sent to experts: sorted, and as their products take them.
constexpr double kExpertCopies = 2;

double real(int64_t value) { return static_cast<double>(value); }

struct Context {
  const ModelShape& shape;
  const ParallelLayout& layout;
  const SoftwareStack& stack;
  double tokens;  ///< of a device and micro batch
  double seq_len;
  double width;    ///< bytes of an element
  double product;  ///< bytes of an element that a product takes in
  double tensor;
  double sequence;  ///< ranks that split what tensor groups do not
  OptimizerKind optimizer;
};

/// Bytes a token that a block keeps for backward.
struct Block {
  double token_bytes = 0;
  double product_outputs = 0;  ///< part of token_bytes that products made
};

void add_attention(Block& block, const Context& context) {
  const ModelShape& shape = context.shape;
  const double d_model = real(shape.d_model);
  const double heads = real(shape.n_head);
  const AttentionWidths widths = attention_widths(shape);
  if (shape.mla)
    block.token_bytes +=
        context.width * 2 *
        real(shape.mla->q_lora_rank + shape.mla->kv_lora_rank + shape.mla->qk_rope_head_dim);
  block.token_bytes +=
      (context.width * widths.qkv + context.product * widths.out) / context.tensor +
      kWide * heads / context.tensor;
  block.product_outputs +=
      context.width * (widths.qkv / context.tensor + d_model / context.sequence);
  if (context.stack.attention == AttentionKernel::materialised)
    block.token_bytes += kScoreBytes * heads * context.seq_len / context.tensor;
}

/// A dense FFN of hidden width d_ff, split `ways` ways, that runs on `copies` of each token.
void add_ffn(Block& block, const Context& context, double d_ff, double ways, double copies,
             double share) {
  const double parts = context.shape.ffn == FfnType::gated ? 2 : 1;
  const double hidden = copies * d_ff / ways;
  block.token_bytes += share * hidden * (context.width * parts + context.product);
  block.product_outputs += share * context.width * (parts * hidden);
}

void add_experts(Block& block, const Context& context, double expert_share) {
  const MoeShape& moe = *context.shape.moe;
  const double active = real(moe.n_active_expert);
  const double shared = real(moe.n_shared_expert * moe.d_ff_expert);
  block.token_bytes +=
      expert_share * kExpertCopies * context.width * active * real(context.shape.d_model);
  add_ffn(block, context, real(moe.d_ff_expert), 1, active, expert_share);
  add_ffn(block, context, shared, context.tensor, 1, expert_share);
  add_ffn(block, context, real(context.shape.d_ff), context.tensor, 1, 1 - expert_share);
}

/// `expert_share`: of the stage's blocks that have experts.
Block make_block(const Context& context, double expert_share) {
  const double d_model = real(context.shape.d_model);
  const bool gathered = context.stack.keeps_gathered_inputs;
  const double inputs = gathered ? 1 : context.sequence;
  // Such programs cast to fp8 inside the product and keep what came in.
  const double input_width = gathered ? context.width : context.product;
  Block block;
  block.token_bytes =
      2 * context.width * d_model / context.sequence + 2 * input_width * d_model / inputs;
  add_attention(block, context);
  if (context.shape.moe) {
    add_experts(block, context, expert_share);
  } else {
    add_ffn(block, context, real(context.shape.d_ff), context.tensor, 1, 1);
  }
  block.product_outputs += context.width * d_model / context.sequence;
  return block;
}

/// Bytes a token that a block keeps when `share` of it, but not the whole, is run again.
double kept_in_parts(const Block& block, const RecomputeShare& share, const Context& context) {
  if (share.products > 0) {
    const double input = context.width * real(context.shape.d_model) / context.sequence;
    const double attention =
        context.width * real(context.shape.n_head * context.shape.d_head) / context.tensor;
    return input + attention + (1 - share.products) * block.product_outputs;
  }
  const bool drops_scores =
      share.attention > 0 && context.stack.attention == AttentionKernel::materialised;
  const double scores = kScoreBytes * real(context.shape.n_head) * context.seq_len / context.tensor;
  return block.token_bytes - (drops_scores ? share.attention * scores : 0);
}

/// Bytes a token that a block keeps under recomputation, the average over blocks.
double kept_bytes(const Block& block, const Context& context) {
  const RecomputeShare& share = context.layout.recompute;
  const double whole = share.whole_blocks;
  const double input = context.width * real(context.shape.d_model) / context.sequence;
  if (whole == 1) return input;
  const RecomputeShare rest{.products = (share.products - whole) / (1 - whole),
                            .attention = (share.attention - whole) / (1 - whole)};
  return whole * input + (1 - whole) * kept_in_parts(block, rest, context);
}

/// Micro batches whose backward pass is still to come, on stage `rank`. 1F1B has as many in flight
/// as stages are left; interleaving starts 2 (stages - rank - 1) + (chunks - 1) stages chunks
/// before its first backward pass (Megatron-LM's schedules; arXiv:2104.04473, section 2.2).
double micro_batches_in_flight(const ParallelLayout& layout, int64_t rank) {
  const double left = real(layout.pipeline - rank);
  const double chunks = real(layout.virtual_pipeline);
  const double started =
      chunks > 1 ? real(layout.pipeline) + (2 * left - 1 - real(layout.pipeline)) / chunks : left;
  return std::min(real(layout.n_micro_batch), started);
}

int64_t state_ranks(const ParallelLayout& layout) {
  if (layout.strategy == ParallelStrategy::ddp) return 1;
  return std::min(layout.shard, layout.data * layout.context);
}

/// Weights, gradients and optimizer of `parameters` that `ranks` share as the strategy says, with
/// `moments` fp32 moments each.
void add_states(DeviceMemory& memory, const Context& context, double parameters, double ranks,
                double moments) {
  const ParallelStrategy strategy = context.layout.strategy;
  if (shards_parameters(strategy)) {
    memory.weights += parameters * kWide / ranks;
    memory.gradients += parameters * kWide / ranks;
    memory.optimizer += parameters * moments * kWide / ranks;
    // With a pipeline gathered weights and whole gradients stay for the whole step.
    if (context.layout.pipeline > 1) {
      memory.weights += parameters * context.width;
      memory.gradients += parameters * context.stack.gradient_bytes;
    }
    return;
  }
  const bool whole = context.layout.pipeline > 1 && !context.layout.reduces_by_chunks();
  const double gradient_ranks = strategy == ParallelStrategy::zero2 && !whole ? ranks : 1;
  memory.weights += parameters * context.width;
  memory.gradients += parameters * context.stack.gradient_bytes / gradient_ranks;
  memory.optimizer += parameters * (1 + moments) * kWide / ranks;
}

/// Outputs of row-split products before they are reduced and their gradients once gathered, of one
/// product, where the program holds both whole.
double partial_sum_bytes(const Context& context) {
  if (!context.stack.keeps_gathered_inputs || context.layout.tensor == 1) return 0;
  return 2 * context.width * real(context.shape.d_model) * context.tokens;
}

struct Stage {
  double blocks = 0;
  double expert_share = 0;  ///< of its blocks
  double tables = 0;        ///< embedding and output projection
  double in_flight = 1;     ///< micro batches
  bool has_head = false;
};

/// Gradients that are whole until a round of micro batches is through their chunk.
double chunk_gradient_bytes(const Context& context, double stage_parameters) {
  if (!context.layout.reduces_by_chunks()) return 0;
  return context.stack.gradient_bytes * stage_parameters / real(context.layout.virtual_pipeline);
}

DeviceMemory stage_memory(const Context& context, const Stage& stage) {
  const ParallelLayout& layout = context.layout;
  const Block block = make_block(context, stage.expert_share);
  const BlockParameters parameters = block_parameters(context.shape, layout, stage.expert_share);
  const double unit = parameters.shared_by_data + parameters.experts;
  const double table =
      real(context.shape.vocab_size) * real(context.shape.d_model) / context.tensor;
  const double ranks = real(state_ranks(layout));
  const double moments = context.optimizer == OptimizerKind::muon ? 1 : kAdamWMoments;
  DeviceMemory memory;
  add_states(memory, context, stage.tables * table, ranks, kAdamWMoments);
  add_states(memory, context, parameters.shared_by_data * stage.blocks, ranks, moments);
  add_states(memory, context, parameters.experts * stage.blocks,
             std::max(1.0, ranks / real(layout.expert)), moments);
  memory.gradients += chunk_gradient_bytes(context, unit * stage.blocks);
  if (shards_parameters(layout.strategy) && layout.pipeline == 1)
    memory.gathered = 2 * context.width * (unit + table) + kWide * (unit + table);
  memory.activations = stage.in_flight * stage.blocks * kept_bytes(block, context) * context.tokens;
  if (layout.recompute.products > 0) memory.activations += block.token_bytes * context.tokens;
  memory.activations += partial_sum_bytes(context);
  if (stage.has_head)
    memory.logits = context.tokens *
                    (context.stack.logits_bytes * real(context.shape.vocab_size) / context.tensor +
                     2 * context.width * real(context.shape.d_model) / context.sequence);
  memory.other = kOtherBytes;
  return memory;
}

DeviceMemory larger(const DeviceMemory& a, const DeviceMemory& b) {
  return a.total() > b.total() ? a : b;
}

/// The fullest of a pipeline's first, second and last stage; of those between, the second has the
/// most micro batches in flight.
DeviceMemory pipeline_memory(const Context& context, double expert_share) {
  const ParallelLayout& layout = context.layout;
  const StageBlocks blocks = stage_blocks(context.shape.n_layer, layout.pipeline);
  Stage stage{.blocks = real(blocks.first),
              .expert_share = expert_share,
              .tables = 1,
              .in_flight = micro_batches_in_flight(layout, 0)};
  DeviceMemory fullest = stage_memory(context, stage);
  if (blocks.middle > blocks.first) {
    stage.blocks = real(blocks.middle);
    stage.tables = 0;
    stage.in_flight = micro_batches_in_flight(layout, 1);
    fullest = larger(fullest, stage_memory(context, stage));
  }
  // Dense blocks come first.
  const Stage last{.blocks = real(blocks.last),
                   .expert_share = context.shape.moe ? 1.0 : 0.0,
                   .tables = 1,
                   .in_flight = micro_batches_in_flight(layout, layout.pipeline - 1),
                   .has_head = true};
  return larger(fullest, stage_memory(context, last));
}

}  // namespace

DeviceMemory memory_cost(const ModelShape& shape, const ParallelLayout& layout, int64_t seq_len,
                         Precision precision, const SoftwareStack& stack, OptimizerKind optimizer) {
  const bool wide = precision == Precision::fp32 || precision == Precision::tf32;
  const double width = wide ? 4 : 2;
  const Context context{.shape = shape,
                        .layout = layout,
                        .stack = stack,
                        .tokens = real(layout.micro_batch * seq_len) / real(layout.context),
                        .seq_len = real(seq_len),
                        .width = width,
                        .product = precision == Precision::fp8 ? 1 : width,
                        .tensor = real(layout.tensor),
                        .sequence = layout.sequence_parallel ? real(layout.tensor) : 1,
                        .optimizer = optimizer};
  const double share = expert_share(shape);
  if (layout.pipeline > 1) return pipeline_memory(context, share);
  return stage_memory(context, {.blocks = real(shape.n_layer),
                                .expert_share = share,
                                .tables = shape.tied_embeddings ? 1.0 : 2.0,
                                .has_head = true});
}

}  // namespace isoflop
