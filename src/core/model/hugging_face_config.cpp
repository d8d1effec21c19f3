// SPDX-License-Identifier: MIT
#include "core/model/hugging_face_config.hpp"

#include "core/base/enum_names.hpp"

#include <fmt/format.h>

#include <array>
#include <string>

namespace isoflop {
namespace {

enum class Family { gpt2, llama, mistral, mixtral, qwen2, deepseek_v3 };

constexpr std::array kFamilyNames = {
    EnumName{Family::gpt2, "gpt2"},       EnumName{Family::llama, "llama"},
    EnumName{Family::mistral, "mistral"}, EnumName{Family::mixtral, "mixtral"},
    EnumName{Family::qwen2, "qwen2"},     EnumName{Family::deepseek_v3, "deepseek_v3"},
};

/// Names of transformers' ACT2FN table.
constexpr std::array kActivationNames = {
    EnumName{Activation::gelu_tanh, "gelu_new"},
    EnumName{Activation::gelu_tanh, "gelu_pytorch_tanh"},
    EnumName{Activation::gelu_tanh, "gelu_fast"},
    EnumName{Activation::gelu_erf, "gelu"},
    EnumName{Activation::silu, "silu"},
    EnumName{Activation::silu, "swish"},
    EnumName{Activation::relu, "relu"},
    EnumName{Activation::leaky_relu, "leaky_relu"},
};

/// Our field and the key that holds it in the file.
struct FieldKey {
  std::string_view field;
  std::string_view gpt2_key;
  std::string_view llama_key;
};

constexpr std::array kFieldKeys = {
    FieldKey{"n_layer", "n_layer", "num_hidden_layers"},
    FieldKey{"d_model", "n_embd", "hidden_size"},
    FieldKey{"n_head", "n_head", "num_attention_heads"},
    FieldKey{"n_kv_head", "n_head", "num_key_value_heads"},
    FieldKey{"d_head", "n_head", "head_dim"},
    FieldKey{"d_ff", "n_inner", "intermediate_size"},
    FieldKey{"vocab_size", "vocab_size", "vocab_size"},
    FieldKey{"max_seq_len", "n_positions", "max_position_embeddings"},
    FieldKey{"norm_eps", "layer_norm_epsilon", "rms_norm_eps"},
    FieldKey{"rope_theta", "", "rope_theta"},
    FieldKey{"n_mtp_layer", "", "num_nextn_predict_layers"},
    FieldKey{"moe.n_active_expert", "", "num_experts_per_tok"},
    FieldKey{"moe.n_shared_expert", "", "n_shared_experts"},
    FieldKey{"moe.n_dense_layer", "", "first_k_dense_replace"},
    FieldKey{"moe.d_ff_expert", "", "moe_intermediate_size"},
    FieldKey{"mla.q_lora_rank", "", "q_lora_rank"},
    FieldKey{"mla.kv_lora_rank", "", "kv_lora_rank"},
    FieldKey{"mla.qk_nope_head_dim", "", "qk_nope_head_dim"},
    FieldKey{"mla.qk_rope_head_dim", "", "qk_rope_head_dim"},
    FieldKey{"mla.v_head_dim", "", "v_head_dim"},
};

/// Throws for the shape's first problem, at the file's own key where it has one.
void check(const ConfigNode& node, const ModelShape& shape, Family family) {
  const std::optional<ShapeProblem> problem = find_problem(shape);
  if (!problem) return;
  MapReader map(node);
  for (const FieldKey& entry : kFieldKeys) {
    if (entry.field != problem->field) continue;
    const std::string key(family == Family::gpt2 ? entry.gpt2_key : entry.llama_key);
    if (const std::optional<ConfigNode> value = map.find_node(key))
      value->fail(problem->reason, problem->remedy);
  }
  validate(shape, node.where());
}

Activation read_activation(MapReader& map, const std::string& key, Activation fallback) {
  const std::optional<ConfigNode> node = map.find_node(key);
  return node ? read_enum(*node, kActivationNames) : fallback;
}

int64_t head_width(MapReader& map, const std::string& head_key, const ModelShape& shape) {
  const ConfigNode heads = map.required_node(head_key);
  if (shape.n_head < 1) heads.fail("must be at least 1");
  if (shape.d_model % shape.n_head != 0)
    heads.fail(fmt::format("must divide the hidden size {}", shape.d_model));
  return shape.d_model / shape.n_head;
}

int64_t read_positions(MapReader& map) {
  if (const auto n_positions = map.find<int64_t>("n_positions")) return *n_positions;
  if (const auto n_ctx = map.find<int64_t>("n_ctx")) return *n_ctx;
  return map.required<int64_t>("n_positions");
}

ModelShape read_gpt2(MapReader& map) {
  ModelShape shape;
  shape.n_layer = map.required<int64_t>("n_layer");
  shape.d_model = map.required_at_least("n_embd", 1);
  shape.n_head = map.required<int64_t>("n_head");
  shape.n_kv_head = shape.n_head;
  shape.d_head = head_width(map, "n_head", shape);
  shape.d_ff = map.value_or<int64_t>("n_inner", 4 * shape.d_model);
  shape.vocab_size = map.required<int64_t>("vocab_size");
  shape.max_seq_len = read_positions(map);
  shape.norm = NormKind::layernorm;
  shape.ffn = FfnType::standard;
  shape.activation = read_activation(map, "activation_function", Activation::gelu_tanh);
  shape.position = PositionEncoding::learned_absolute;
  shape.qkv_bias = shape.attention_out_bias = shape.ffn_bias = true;
  shape.tied_embeddings = map.value_or<bool>("tie_word_embeddings", true);
  shape.norm_eps = map.value_or<double>("layer_norm_epsilon", 1e-5);
  return shape;
}

/// transformers 5 moved rope_theta into rope_parameters.
double read_rope_theta(MapReader& map, double fallback) {
  if (const auto parameters = map.find_node("rope_parameters"))
    return MapReader(*parameters).value_or<double>("rope_theta", fallback);
  return map.value_or<double>("rope_theta", fallback);
}

/// The keys that all families but GPT-2 share; d_head is left to the caller.
ModelShape read_llama_like(MapReader& map) {
  ModelShape shape;
  shape.n_layer = map.required<int64_t>("num_hidden_layers");
  shape.d_model = map.required_at_least("hidden_size", 1);
  shape.n_head = map.required<int64_t>("num_attention_heads");
  shape.n_kv_head = map.value_or<int64_t>("num_key_value_heads", shape.n_head);
  shape.d_ff = map.required<int64_t>("intermediate_size");
  shape.vocab_size = map.required<int64_t>("vocab_size");
  shape.max_seq_len = map.required<int64_t>("max_position_embeddings");
  shape.activation = read_activation(map, "hidden_act", Activation::silu);
  shape.tied_embeddings = map.value_or<bool>("tie_word_embeddings", false);
  shape.norm_eps = map.value_or<double>("rms_norm_eps", 1e-6);
  shape.rope_theta = read_rope_theta(map, 1e4);
  return shape;
}

void add_llama_biases(MapReader& map, ModelShape& shape) {
  shape.qkv_bias = shape.attention_out_bias = map.value_or<bool>("attention_bias", false);
  shape.ffn_bias = map.value_or<bool>("mlp_bias", false);
}

void add_mixtral_experts(MapReader& map, ModelShape& shape) {
  shape.norm_eps = map.value_or<double>("rms_norm_eps", 1e-5);
  shape.rope_theta = read_rope_theta(map, 1e6);
  MoeShape moe;
  moe.n_routed_expert = map.required_at_least("num_local_experts", 1);
  moe.n_active_expert = map.required<int64_t>("num_experts_per_tok");
  moe.d_ff_expert = shape.d_ff;
  shape.moe = moe;
}

MlaShape read_latent_attention(MapReader& map) {
  MlaShape mla;
  mla.q_lora_rank = map.value_or<int64_t>("q_lora_rank", 0);
  mla.kv_lora_rank = map.required<int64_t>("kv_lora_rank");
  mla.qk_nope_head_dim = map.required<int64_t>("qk_nope_head_dim");
  mla.qk_rope_head_dim = map.required<int64_t>("qk_rope_head_dim");
  mla.v_head_dim = map.required<int64_t>("v_head_dim");
  return mla;
}

MoeShape read_deepseek_experts(MapReader& map) {
  MoeShape moe;
  moe.n_routed_expert = map.required_at_least("n_routed_experts", 1);
  moe.n_active_expert = map.required<int64_t>("num_experts_per_tok");
  moe.n_shared_expert = map.value_or<int64_t>("n_shared_experts", 0);
  moe.d_ff_expert = map.required<int64_t>("moe_intermediate_size");
  moe.n_dense_layer = map.value_or<int64_t>("first_k_dense_replace", 0);
  moe.router_bias = map.value_or<std::string>("topk_method", "noaux_tc") == "noaux_tc";
  if (const std::optional<ConfigNode> every = map.find_node("moe_layer_freq");
      every && every->as<int64_t>() != 1)
    every->fail("only 1 is supported: experts in every layer after the dense ones");
  return moe;
}

void add_deepseek_parts(MapReader& map, ModelShape& shape) {
  shape.mla = read_latent_attention(map);
  shape.d_head = shape.mla->qk_nope_head_dim + shape.mla->qk_rope_head_dim;
  shape.moe = read_deepseek_experts(map);
  shape.qkv_bias = shape.attention_out_bias = map.value_or<bool>("attention_bias", false);
  shape.n_mtp_layer = map.value_or<int64_t>("num_nextn_predict_layers", 0);
}

int64_t read_head_dim(MapReader& map, const ModelShape& shape) {
  const std::optional<int64_t> head_dim = map.find<int64_t>("head_dim");
  return head_dim ? *head_dim : head_width(map, "num_attention_heads", shape);
}

ModelShape read_family(MapReader& map, Family family) {
  if (family == Family::gpt2) return read_gpt2(map);
  ModelShape shape = read_llama_like(map);
  if (family != Family::deepseek_v3) shape.d_head = read_head_dim(map, shape);
  switch (family) {
    case Family::llama:
      add_llama_biases(map, shape);
      break;
    case Family::mixtral:
      add_mixtral_experts(map, shape);
      break;
    case Family::qwen2:
      shape.qkv_bias = true;
      break;
    case Family::deepseek_v3:
      add_deepseek_parts(map, shape);
      break;
    case Family::gpt2:
    case Family::mistral:
      break;
  }
  return shape;
}

}  // namespace

ModelShape read_hugging_face_model(const ConfigNode& node) {
  MapReader map(node);
  const Family family = read_enum(map.required_node("model_type"), kFamilyNames);
  ModelShape shape = read_family(map, family);
  shape.name = map.value_or<std::string>("_name_or_path", "");
  if (shape.name.empty()) shape.name = enum_name(kFamilyNames, family);
  check(node, shape, family);
  return shape;
}

}  // namespace isoflop
