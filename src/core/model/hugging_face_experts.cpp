// SPDX-License-Identifier: MIT
#include "core/model/hugging_face_experts.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

using Family = HuggingFaceFamily;

/// Layers 0, 1, ... that keep the dense FFN, which must be the first ones.
int64_t read_dense_layers(const ConfigNode& dense) {
  int64_t n_dense = 0;
  for (const ConfigNode& layer : dense.items())
    if (layer.as<int64_t>() != n_dense++) dense.fail("only the first layers can keep a dense FFN");
  return n_dense;
}

/// Experts in the form of Qwen.
MoeShape read_qwen_experts(MapReader& map) {
  MoeShape moe;
  moe.n_routed_expert = map.required_at_least("num_experts", 1);
  moe.n_active_expert = map.required<int64_t>("num_experts_per_tok");
  moe.d_ff_expert = map.required_at_least("moe_intermediate_size", 1);
  moe.layer_step = map.value_or<int64_t>("decoder_sparse_step", 1);
  if (const auto dense = map.find_node("mlp_only_layers")) {
    moe.n_dense_layer = read_dense_layers(*dense);
    if (moe.n_dense_layer > 0 && moe.layer_step != 1)
      dense->fail("beside decoder_sparse_step", "only one of the two can be counted here");
  }
  return moe;
}

/// The shared expert is as wide as several routed ones.
MoeShape read_qwen2_experts(MapReader& map) {
  MoeShape moe = read_qwen_experts(map);
  const ConfigNode shared = map.required_node("shared_expert_intermediate_size");
  if (shared.as<int64_t>() < 1 || shared.as<int64_t>() % moe.d_ff_expert != 0)
    shared.fail(fmt::format("must be a multiple of moe_intermediate_size {}", moe.d_ff_expert));
  moe.n_shared_expert = shared.as<int64_t>() / moe.d_ff_expert;
  moe.shared_expert_gate = true;
  return moe;
}

/// In every layer, as wide as intermediate_size.
MoeShape read_uniform_experts(MapReader& map, const std::string& count_key,
                              const ModelShape& shape) {
  MoeShape moe;
  moe.n_routed_expert = map.required_at_least(count_key, 1);
  moe.n_active_expert = map.required<int64_t>("num_experts_per_tok");
  moe.d_ff_expert = shape.d_ff;
  return moe;
}

/// Every interleave_moe_layer_step-th layer has experts and a shared one; the others an FFN of
/// their own width.
void read_llama4_experts(MapReader& map, ModelShape& shape) {
  MoeShape moe = read_uniform_experts(map, "num_local_experts", shape);
  moe.n_shared_expert = 1;
  moe.layer_step = map.value_or<int64_t>("interleave_moe_layer_step", 1);
  shape.d_ff = map.required<int64_t>("intermediate_size_mlp");
  shape.moe = moe;
  const auto layers = map.find_node("moe_layers");
  if (layers && moe.layer_step > 0 &&
      static_cast<int64_t>(layers->items().size()) != shape.n_moe_layer())
    layers->fail("is not every interleave_moe_layer_step-th layer",
                 "such models cannot be counted here");
}

/// DeepSeek-V3's routers, and those made after them, have correction biases.
bool has_router_bias(MapReader& map, Family family) {
  if (family == Family::glm4_moe) return true;
  const bool is_v3 = family == Family::deepseek_v3 || family == Family::kimi_k2;
  return map.value_or<std::string>("topk_method", is_v3 ? "noaux_tc" : "greedy") == "noaux_tc";
}

MoeShape read_deepseek_experts(MapReader& map, Family family) {
  MoeShape moe;
  moe.n_routed_expert = map.required_at_least("n_routed_experts", 1);
  moe.n_active_expert = map.required<int64_t>("num_experts_per_tok");
  moe.n_shared_expert = map.value_or<int64_t>("n_shared_experts", 0);
  moe.d_ff_expert = map.required<int64_t>("moe_intermediate_size");
  moe.n_dense_layer = map.value_or<int64_t>("first_k_dense_replace", 0);
  moe.router_bias = has_router_bias(map, family);
  if (const std::optional<ConfigNode> every = map.find_node("moe_layer_freq");
      every && every->as<int64_t>() != 1)
    every->fail("only 1 is supported: experts in every layer after the dense ones");
  return moe;
}

}  // namespace

void read_experts(MapReader& map, HuggingFaceFamily family, ModelShape& shape) {
  switch (family) {
    case Family::qwen2_moe:
      shape.moe = read_qwen2_experts(map);
      return;
    case Family::qwen3_moe:
      shape.moe = read_qwen_experts(map);
      return;
    case Family::olmoe:
      shape.moe = read_uniform_experts(map, "num_experts", shape);
      return;
    case Family::mixtral:
    case Family::phimoe:
    case Family::granitemoe:
      shape.moe = read_uniform_experts(map, "num_local_experts", shape);
      return;
    case Family::gpt_oss:
      shape.moe = read_uniform_experts(map, "num_local_experts", shape);
      shape.moe->router_bias = shape.ffn_bias = true;
      return;
    case Family::llama4_text:
      return read_llama4_experts(map, shape);
    case Family::deepseek:
    case Family::deepseek_v2:
    case Family::deepseek_v3:
    case Family::kimi_k2:
    case Family::glm4_moe:
      shape.moe = read_deepseek_experts(map, family);
      shape.n_mtp_layer = map.value_or<int64_t>("num_nextn_predict_layers", 0);
      return;
    default:
      return;
  }
}

}  // namespace isoflop
