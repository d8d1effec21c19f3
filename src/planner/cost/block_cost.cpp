// SPDX-License-Identifier: MIT
#include "planner/cost/block_cost.hpp"

#include "planner/cost/block_shape.hpp"

#include <algorithm>
#include <cmath>

namespace isoflop {

namespace {

double real(int64_t value) { return static_cast<double>(value); }

/// Bytes a score costs when it is written to memory, in two-byte numbers: forward writes it,
/// softmax and dropout read and write it (with a mask of one byte), the product with the values
/// reads it; backward does so for the score and its gradient.
constexpr double kScoreForwardBytes = 11;
constexpr double kScoreBackwardBytes = 17;
/// FlashAttention's backward runs 5 products for the forward's 2 (arXiv:2307.08691, section 3.1).
constexpr double kFlashBackwardProducts = 2.5;
/// Head width at which attention kernels are at their best.
constexpr double kFullHeadWidth = 128;
/// Nodes that a token's experts are spread over at most (DeepSeek-V3, arXiv:2412.19437, section
/// 3.2.2), which bounds how often it crosses the network.
constexpr double kMostNodesOfAToken = 4;

/// What all parts of a block's cost are computed from.
struct Context {
  const ModelShape& shape;
  const ParallelLayout& layout;
  const Machine& machine;
  double tokens;  ///< of a device and micro batch
  double tensor;
  double seq_len;

  /// Ranks that split what is not split by tensor groups.
  double sequence() const { return layout.sequence_parallel ? tensor : 1; }
};

/// y = x W^T forward; the gradients of x and W backward.
PassSeconds linear_s(const ProductRate& rate, const Machine& machine, double m, double n,
                     double k) {
  return {product_s(rate, machine, m, n, k),
          product_s(rate, machine, m, k, n) + product_s(rate, machine, n, k, m)};
}

void add(PassSeconds& sum, const PassSeconds& part, double times = 1) {
  sum.forward += times * part.forward;
  sum.backward += times * part.backward;
}

void add_latent_projections(BlockCost& block, const Context& context) {
  const MlaShape& mla = *context.shape.mla;
  const AttentionWidths head = attention_widths(context.shape);
  const double d_model = real(context.shape.d_model);
  const double heads = real(context.shape.n_head);
  const double up = real(mla.qk_nope_head_dim + mla.v_head_dim);
  const double query_in = mla.q_lora_rank > 0 ? real(mla.q_lora_rank) : d_model;
  const auto product = [&](double n, double k) {
    add(block.products, linear_s(context.machine.product, context.machine, context.tokens, n, k));
  };
  const double latent = real(mla.kv_lora_rank + mla.qk_rope_head_dim);
  if (mla.q_lora_rank > 0) product(query_in, d_model);
  product(heads * head.query_key / context.tensor, query_in);
  product(latent, d_model);
  product(heads * up / context.tensor, real(mla.kv_lora_rank));
  product(d_model, heads * head.value / context.tensor);
}

void add_projections(BlockCost& block, const Context& context) {
  if (context.shape.mla) return add_latent_projections(block, context);
  const double d_model = real(context.shape.d_model);
  const double qkv = attention_widths(context.shape).qkv / context.tensor;
  const double heads = real(context.shape.n_head * context.shape.d_head) / context.tensor;
  const ProductRate& rate = context.machine.product;
  add(block.products, linear_s(rate, context.machine, context.tokens, qkv, d_model));
  add(block.products, linear_s(rate, context.machine, context.tokens, d_model, heads));
}

/// Scores of one device: every query with every key.
double scores(const Context& context) {
  return real(context.shape.n_head) / context.tensor * context.tokens * context.seq_len;
}

PassSeconds materialised_attention_s(const Context& context) {
  const Machine& machine = context.machine;
  const AttentionWidths head = attention_widths(context.shape);
  const double flops = 2 * scores(context) * (head.query_key + head.value);
  const double memory_s = scores(context) / machine.memory_bytes_per_s;
  return {flops / machine.score_flops_per_s + kScoreForwardBytes * memory_s,
          2 * flops / machine.score_flops_per_s + kScoreBackwardBytes * memory_s};
}

PassSeconds flash_attention_s(const Context& context) {
  const Machine& machine = context.machine;
  const AttentionWidths head = attention_widths(context.shape);
  const double causal_flops = scores(context) * (head.query_key + head.value);
  const double width = std::sqrt(std::sqrt(std::min(1.0, head.query_key / kFullHeadWidth)));
  const double length =
      context.seq_len / (context.seq_len + machine.constants.attention_half_length);
  const double share = width * length;
  return {causal_flops / (machine.attention_forward_flops_per_s * share),
          kFlashBackwardProducts * causal_flops / (machine.attention_backward_flops_per_s * share)};
}

PassSeconds attention_s(const Context& context) {
  return context.machine.stack.attention == AttentionKernel::materialised
             ? materialised_attention_s(context)
             : flash_attention_s(context);
}

PassSeconds elementwise_s(const Context& context, double elements, double backward_factor) {
  const double seconds = context.machine.elementwise * context.machine.element_bytes * elements /
                         context.machine.memory_bytes_per_s;
  return {seconds, backward_factor * seconds};
}

/// Two-byte inputs are read and written as fp8, both ways round for backward.
PassSeconds cast_s(const Context& context, double elements) {
  if (!context.machine.casts_to_fp8) return {};
  const double seconds =
      context.machine.constants.cast_bytes * elements / context.machine.memory_bytes_per_s;
  return {seconds, 2 * seconds};
}

/// Two fused residual + norm kernels read residual and delta and write residual and norm; RoPE
/// reads and writes queries, keys and values.
void add_norms(BlockCost& block, const Context& context) {
  const double d_model = real(context.shape.d_model);
  const double elements =
      context.tokens *
      (8 * d_model / context.sequence() + 2 * attention_widths(context.shape).qkv / context.tensor);
  add(block.elementwise, elementwise_s(context, elements, context.machine.stack.norm_backward));
  add(block.elementwise, cast_s(context, 2 * context.tokens * d_model));
}

/// The activation reads `in` and writes `hidden`; backward reads both and writes `in`.
PassSeconds activation_s(const Context& context, double in, double hidden) {
  PassSeconds seconds = elementwise_s(context, in + hidden, (2 * in + hidden) / (in + hidden));
  if (context.shape.ffn == FfnType::gated) return seconds;
  seconds.forward *= context.machine.stack.activation_forward;
  seconds.backward *= context.machine.stack.activation_backward;
  return seconds;
}

/// One FFN of hidden width d_ff over `tokens` tokens, split `ways` ways.
struct FfnCost {
  PassSeconds products;
  double last_product_s = 0;
  PassSeconds elementwise;
};
FfnCost ffn_cost(const Context& context, double d_ff, double tokens, double ways) {
  const double d_model = real(context.shape.d_model);
  const double hidden = d_ff / ways;
  const double in = hidden * (context.shape.ffn == FfnType::gated ? 2 : 1);
  const ProductRate& rate = context.machine.product;
  const PassSeconds out = linear_s(rate, context.machine, tokens, d_model, hidden);
  FfnCost cost;
  cost.products = linear_s(rate, context.machine, tokens, in, d_model);
  add(cost.products, out);
  cost.last_product_s = out.forward;
  cost.elementwise = activation_s(context, tokens * in, tokens * hidden);
  add(cost.elementwise, cast_s(context, tokens * hidden));
  return cost;
}

void add_ffn(BlockCost& block, const FfnCost& ffn, double times) {
  add(block.products, ffn.products, times);
  add(block.elementwise, ffn.elementwise, times);
  block.last_product_s += times * ffn.last_product_s;
}

/// Other nodes that a token's experts are expected on, drawn evenly over `nodes`.
double crossings_of_token(const MoeShape& moe, double nodes) {
  const double reached = nodes * (1 - std::pow(1 - 1 / nodes, real(moe.n_active_expert)));
  return std::min(kMostNodesOfAToken, reached) * (nodes - 1) / nodes;
}

/// Tokens go to their experts and come back, in each direction of the pass.
double expert_exchange_s(const Context& context) {
  const MoeShape& moe = *context.shape.moe;
  const Machine& machine = context.machine;
  if (context.layout.expert == 1) return 0;
  const double bytes = machine.element_bytes * context.tokens * real(moe.n_active_expert) *
                       real(context.shape.d_model) / context.sequence();
  const RankGroup group = rank_group(machine.network, context.layout.expert, context.layout.tensor);
  const double crossings = crossings_of_token(moe, real(group.nodes));
  return 2 * machine.constants.expert_exchange *
         all_to_all_s(machine.network, group, bytes, crossings / real(moe.n_active_expert));
}

/// Experts of a balanced router; leading dense layers are averaged in.
void add_experts(BlockCost& block, const Context& context) {
  const MoeShape& moe = *context.shape.moe;
  const Machine& machine = context.machine;
  const double expert_layers = expert_share(context.shape);
  const double tokens = context.tokens * real(moe.n_active_expert) * real(context.layout.expert) /
                        real(moe.n_routed_expert);
  const FfnCost expert = ffn_cost(context, real(moe.d_ff_expert), tokens, 1);
  add_ffn(block, expert, expert_layers * own_experts(moe, context.layout) / context.tensor);
  if (moe.n_shared_expert > 0) {
    const FfnCost shared = ffn_cost(context, real(moe.n_shared_expert * moe.d_ff_expert),
                                    context.tokens, context.tensor);
    add_ffn(block, shared, expert_layers);
  }
  if (expert_layers < 1) {
    const FfnCost dense =
        ffn_cost(context, real(context.shape.d_ff), context.tokens, context.tensor);
    add_ffn(block, dense, 1 - expert_layers);
  }
  const double permute_s = expert_layers * machine.constants.expert_bytes * context.tokens *
                           real(moe.n_active_expert) * real(context.shape.d_model) /
                           context.sequence() / machine.memory_bytes_per_s;
  add(block.elementwise, {permute_s, permute_s});
  const double exchange_s = expert_layers * expert_exchange_s(context);
  add(block.communication, {exchange_s, exchange_s});
}

void add_feed_forward(BlockCost& block, const Context& context) {
  if (context.shape.moe) return add_experts(block, context);
  const FfnCost ffn = ffn_cost(context, real(context.shape.d_ff), context.tokens, context.tensor);
  add_ffn(block, ffn, 1);
}

/// Two reductions each way (Megatron-LM, arXiv:1909.08053, section 3); sequence parallelism splits
/// each into a scatter and a gather of the same bytes and gathers inputs once more in backward.
void add_tensor_communication(BlockCost& block, const Context& context) {
  const Machine& machine = context.machine;
  if (context.layout.tensor == 1) return;
  const RankGroup group = rank_group(machine.network, context.layout.tensor, 1);
  const double bytes = machine.element_bytes * context.tokens * real(context.shape.d_model);
  const bool overlaps = context.layout.sequence_parallel && machine.stack.overlaps_tensor_parallel;
  const double open = overlaps ? 1 - machine.constants.tensor_overlap : 1;
  const double seconds = 2 * open * all_reduce_s(machine.network, group, bytes);
  constexpr double kGathersInBackward = 1.25;
  add(block.communication,
      {seconds, seconds * (context.layout.sequence_parallel ? kGathersInBackward : 1)});
}

/// Keys and values of one token, all heads; latent ones are sent expanded.
double key_value_width(const ModelShape& shape) {
  if (!shape.mla) return 2 * real(shape.n_kv_head * shape.d_head);
  const AttentionWidths head = attention_widths(shape);
  return real(shape.n_head) * (head.query_key + head.value);
}

/// Each step of a context group's ring adds its part to what the steps before made
/// (arXiv:2310.01889, section 3): outputs forward, gradients of queries backward.
void add_context_sums(BlockCost& block, const Context& context) {
  if (context.layout.context == 1) return;
  constexpr double kReadsAndWrites = 3;
  const double elements = kReadsAndWrites * real(context.layout.context) * context.tokens *
                          attention_widths(context.shape).out / context.tensor;
  add(block.elementwise, elementwise_s(context, elements, 1));
}

/// Keys and values pass round the ring while attention runs (arXiv:2310.01889); backward sends
/// their gradients too.
void add_context_communication(BlockCost& block, const Context& context) {
  if (context.layout.context == 1) return;
  const Machine& machine = context.machine;
  const double steps = real(context.layout.context - 1);
  const double bytes =
      machine.element_bytes * context.tokens * key_value_width(context.shape) / context.tensor;
  const int64_t stride =
      context.layout.tensor * context.layout.context > machine.network.ranks_per_node
          ? machine.network.ranks_per_node
          : context.layout.tensor;
  const double ring_s = steps * send_s(machine.network, stride, bytes);
  add(block.communication, {std::max(0.0, ring_s - block.attention.forward),
                            std::max(0.0, 2 * ring_s - block.attention.backward)});
}

void add_host(BlockCost& block, const Context& context) {
  const Calibration& constants = context.machine.constants;
  double more = context.layout.tensor > 1 ? constants.tensor_launches : 0;
  if (context.shape.moe) more += constants.expert_launches;
  block.host = {(constants.forward_launches + more) * context.machine.launch_s,
                (constants.backward_launches + more) * context.machine.launch_s};
}

Context make_context(const ModelShape& shape, const ParallelLayout& layout, int64_t seq_len,
                     const Machine& machine) {
  return {.shape = shape,
          .layout = layout,
          .machine = machine,
          .tokens = real(layout.micro_batch * seq_len) / real(layout.context),
          .tensor = real(layout.tensor),
          .seq_len = real(seq_len)};
}

}  // namespace

BlockCost block_cost(const ModelShape& shape, const ParallelLayout& layout, int64_t seq_len,
                     const Machine& machine) {
  const Context context = make_context(shape, layout, seq_len, machine);
  BlockCost block;
  add_projections(block, context);
  block.attention = attention_s(context);
  add_norms(block, context);
  add_feed_forward(block, context);
  add_tensor_communication(block, context);
  add_context_sums(block, context);
  add_context_communication(block, context);
  add_host(block, context);
  return block;
}

PassSeconds head_cost(const ModelShape& shape, const ParallelLayout& layout, int64_t seq_len,
                      const Machine& machine) {
  const Context context = make_context(shape, layout, seq_len, machine);
  const double vocabulary = real(shape.vocab_size) / context.tensor;
  PassSeconds head =
      linear_s(machine.wide, machine, context.tokens, vocabulary, real(shape.d_model));
  const double logits_s = machine.elementwise * machine.stack.logit_traffic * context.tokens *
                          vocabulary / machine.memory_bytes_per_s;
  add(head, {logits_s, logits_s});
  return head;
}

}  // namespace isoflop
