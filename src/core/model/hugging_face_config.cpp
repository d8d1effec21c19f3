// SPDX-License-Identifier: MIT
#include "core/model/hugging_face_config.hpp"

#include "core/base/enum_names.hpp"
#include "core/base/suggest.hpp"
#include "core/model/hugging_face_family.hpp"

#include <fmt/format.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace isoflop {
namespace {

using Family = HuggingFaceFamily;
using FamilyRow = HuggingFaceFamilyRow;

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

/// Our field and the keys that may hold it in the file.
struct FieldKey {
  std::string_view field;
  std::array<std::string_view, 3> keys;
};

constexpr std::array kFieldKeys = {
    FieldKey{"n_layer", {"n_layer", "num_hidden_layers", "num_layers"}},
    FieldKey{"d_model", {"n_embd", "hidden_size"}},
    FieldKey{"n_head", {"n_head", "num_attention_heads", "num_heads"}},
    FieldKey{"n_kv_head", {"num_key_value_heads", "n_head", "num_heads"}},
    FieldKey{"d_head", {"head_dim", "n_head", "num_heads"}},
    FieldKey{"d_ff", {"n_inner", "intermediate_size"}},
    FieldKey{"vocab_size", {"vocab_size"}},
    FieldKey{"max_seq_len", {"n_positions", "max_position_embeddings"}},
    FieldKey{"norm_eps", {"layer_norm_epsilon", "rms_norm_eps"}},
    FieldKey{"rope_theta", {"rope_theta"}},
    FieldKey{"n_mtp_layer", {"num_nextn_predict_layers"}},
    FieldKey{"moe.n_active_expert", {"num_experts_per_tok"}},
    FieldKey{"moe.n_shared_expert", {"n_shared_experts"}},
    FieldKey{"moe.n_dense_layer", {"first_k_dense_replace"}},
    FieldKey{"moe.d_ff_expert", {"moe_intermediate_size"}},
    FieldKey{"mla.q_lora_rank", {"q_lora_rank"}},
    FieldKey{"mla.kv_lora_rank", {"kv_lora_rank"}},
    FieldKey{"mla.qk_nope_head_dim", {"qk_nope_head_dim"}},
    FieldKey{"mla.qk_rope_head_dim", {"qk_rope_head_dim"}},
    FieldKey{"mla.v_head_dim", {"v_head_dim"}},
};

/// Throws for the shape's first problem, at the file's own key where it has one.
void check(const ConfigNode& node, const ModelShape& shape) {
  const std::optional<ShapeProblem> problem = find_problem(shape);
  if (!problem) return;
  MapReader map(node);
  for (const FieldKey& entry : kFieldKeys) {
    if (entry.field != problem->field) continue;
    for (const std::string_view key : entry.keys)
      if (const std::optional<ConfigNode> value = map.find_node(std::string(key)))
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

/// What GPT-2 and its kin have in common.
ModelShape gpt_shape() {
  ModelShape shape;
  shape.norm = NormKind::layernorm;
  shape.ffn = FfnType::standard;
  shape.position = PositionEncoding::learned_absolute;
  shape.qkv_bias = shape.attention_out_bias = shape.ffn_bias = true;
  return shape;
}

/// gpt2; gpt_bigcode has its keys.
ModelShape read_gpt2(MapReader& map) {
  ModelShape shape = gpt_shape();
  shape.n_layer = map.required<int64_t>("n_layer");
  shape.d_model = map.required_at_least("n_embd", 1);
  shape.n_head = map.required<int64_t>("n_head");
  shape.n_kv_head = shape.n_head;
  shape.d_head = head_width(map, "n_head", shape);
  shape.d_ff = map.value_or<int64_t>("n_inner", 4 * shape.d_model);
  shape.vocab_size = map.required<int64_t>("vocab_size");
  shape.max_seq_len = read_positions(map);
  shape.activation = read_activation(map, "activation_function", Activation::gelu_tanh);
  shape.tied_embeddings = map.value_or<bool>("tie_word_embeddings", true);
  shape.norm_eps = map.value_or<double>("layer_norm_epsilon", 1e-5);
  return shape;
}

/// Every second layer looks back 256 tokens only.
ModelShape read_gpt_neo(MapReader& map) {
  ModelShape shape = gpt_shape();
  shape.n_layer = map.required<int64_t>("num_layers");
  shape.d_model = map.required_at_least("hidden_size", 1);
  shape.n_head = map.required<int64_t>("num_heads");
  shape.n_kv_head = shape.n_head;
  shape.d_head = head_width(map, "num_heads", shape);
  shape.d_ff = map.value_or<int64_t>("intermediate_size", 4 * shape.d_model);
  shape.vocab_size = map.required<int64_t>("vocab_size");
  shape.max_seq_len = map.required<int64_t>("max_position_embeddings");
  shape.activation = read_activation(map, "activation_function", Activation::gelu_tanh);
  shape.qkv_bias = false;
  shape.tied_embeddings = map.value_or<bool>("tie_word_embeddings", true);
  shape.norm_eps = map.value_or<double>("layer_norm_epsilon", 1e-5);
  shape.counted_only_for = "attention within windows";
  return shape;
}

/// transformers 5 moved rope_theta into rope_parameters.
double read_rope_theta(MapReader& map, const FamilyRow& family) {
  if (const auto parameters = map.find_node("rope_parameters"))
    return MapReader(*parameters).value_or<double>("rope_theta", family.rope_theta);
  return map.value_or<double>(std::string(family.theta_key), family.rope_theta);
}

/// The keys that all families but GPT-2's share; d_head is left to the caller.
ModelShape read_llama_like(MapReader& map, const FamilyRow& family) {
  ModelShape shape;
  shape.n_layer = map.required<int64_t>("num_hidden_layers");
  shape.d_model = map.required_at_least("hidden_size", 1);
  shape.n_head = map.required<int64_t>("num_attention_heads");
  shape.n_kv_head = map.value_or<int64_t>("num_key_value_heads",
                                          family.n_kv_head > 0 ? family.n_kv_head : shape.n_head);
  shape.d_ff = map.required<int64_t>("intermediate_size");
  shape.vocab_size = map.required<int64_t>("vocab_size");
  shape.max_seq_len = map.value_or<int64_t>("max_position_embeddings", family.max_seq_len);
  shape.norm = family.norm;
  shape.ffn = family.ffn;
  shape.activation = read_activation(map, "hidden_act", family.activation);
  shape.tied_embeddings = map.value_or<bool>("tie_word_embeddings", family.tied);
  shape.norm_eps = map.value_or<double>(std::string(family.eps_key), family.norm_eps);
  shape.rope_theta = read_rope_theta(map, family);
  return shape;
}

void read_attention_bias(MapReader& map, ModelShape& shape, bool fallback = false) {
  shape.qkv_bias = shape.attention_out_bias = map.value_or<bool>("attention_bias", fallback);
}

/// Throws where a flag that our shapes cannot have is set.
void refuse_flag(MapReader& map, const std::string& key, const std::string& what) {
  const std::optional<ConfigNode> flag = map.find_node(key);
  if (flag && flag->as<bool>()) flag->fail(what, "such models cannot be counted here");
}

/// Rotary positions on a part of each head.
void note_partial_rotary(MapReader& map, const std::string& key, double fallback,
                         ModelShape& shape) {
  if (map.value_or<double>(key, fallback) < 1) shape.counted_only_for = "partly rotary heads";
}

void add_gpt_neox_parts(MapReader& map, ModelShape& shape) {
  shape.ffn_bias = true;
  read_attention_bias(map, shape, true);
  note_partial_rotary(map, "rotary_pct", 0.25, shape);
  if (map.value_or<bool>("use_parallel_residual", true))
    shape.counted_only_for = "a parallel residual";
}

void add_granite_parts(MapReader& map, ModelShape& shape) {
  read_attention_bias(map, shape);
  shape.ffn_bias = map.value_or<bool>("mlp_bias", false);
  for (const char* const key :
       {"embedding_multiplier", "logits_scaling", "residual_multiplier", "attention_multiplier"})
    if (map.value_or<double>(key, 1) != 1) shape.counted_only_for = "multipliers";
}

/// Every fourth layer has no rotary positions.
void add_smollm3_parts(MapReader& map, ModelShape& shape) {
  read_attention_bias(map, shape);
  shape.ffn_bias = map.value_or<bool>("mlp_bias", false);
  shape.counted_only_for = "layers without positions";
}

void add_stablelm_parts(MapReader& map, ModelShape& shape) {
  shape.qkv_bias = map.value_or<bool>("use_qkv_bias", false);
  refuse_flag(map, "qk_layernorm", "norms of queries and keys by head");
  refuse_flag(map, "use_parallel_residual", "one norm a block");
  note_partial_rotary(map, "partial_rotary_factor", 0.25, shape);
}

/// Experts in the form of Qwen: mlp_only_layers keep the dense FFN, which must be the first ones.
MoeShape read_qwen_experts(MapReader& map) {
  MoeShape moe;
  moe.n_routed_expert = map.required_at_least("num_experts", 1);
  moe.n_active_expert = map.required<int64_t>("num_experts_per_tok");
  moe.d_ff_expert = map.required_at_least("moe_intermediate_size", 1);
  if (const auto step = map.find_node("decoder_sparse_step"); step && step->as<int64_t>() != 1)
    step->fail("only 1 is supported: experts in every layer after the dense ones");
  if (const auto dense = map.find_node("mlp_only_layers")) {
    for (const ConfigNode& layer : dense->items())
      if (layer.as<int64_t>() != moe.n_dense_layer++)
        dense->fail("only the first layers can keep a dense FFN");
  }
  return moe;
}

/// The shared expert is as wide as several routed ones.
void add_qwen2_experts(MapReader& map, ModelShape& shape) {
  shape.qkv_bias = map.value_or<bool>("qkv_bias", true);
  MoeShape moe = read_qwen_experts(map);
  const ConfigNode shared = map.required_node("shared_expert_intermediate_size");
  if (shared.as<int64_t>() < 1 || shared.as<int64_t>() % moe.d_ff_expert != 0)
    shared.fail(fmt::format("must be a multiple of moe_intermediate_size {}", moe.d_ff_expert));
  moe.n_shared_expert = shared.as<int64_t>() / moe.d_ff_expert;
  moe.shared_expert_gate = true;
  shape.moe = moe;
}

void add_mixtral_experts(MapReader& map, ModelShape& shape) {
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

/// Only DeepSeek-V3's routers have correction biases.
MoeShape read_deepseek_experts(MapReader& map, Family family) {
  const bool is_v3 = family == Family::deepseek_v3 || family == Family::kimi_k2;
  MoeShape moe;
  moe.n_routed_expert = map.required_at_least("n_routed_experts", 1);
  moe.n_active_expert = map.required<int64_t>("num_experts_per_tok");
  moe.n_shared_expert = map.value_or<int64_t>("n_shared_experts", 0);
  moe.d_ff_expert = map.required<int64_t>("moe_intermediate_size");
  moe.n_dense_layer = map.value_or<int64_t>("first_k_dense_replace", 0);
  moe.router_bias =
      map.value_or<std::string>("topk_method", is_v3 ? "noaux_tc" : "greedy") == "noaux_tc";
  if (const std::optional<ConfigNode> every = map.find_node("moe_layer_freq");
      every && every->as<int64_t>() != 1)
    every->fail("only 1 is supported: experts in every layer after the dense ones");
  return moe;
}

void add_latent_attention(MapReader& map, ModelShape& shape) {
  shape.mla = read_latent_attention(map);
  shape.d_head = shape.mla->qk_nope_head_dim + shape.mla->qk_rope_head_dim;
  shape.n_kv_head = shape.n_head;
}

void add_deepseek_parts(MapReader& map, ModelShape& shape, Family family) {
  shape.moe = read_deepseek_experts(map, family);
  read_attention_bias(map, shape);
  shape.n_mtp_layer = map.value_or<int64_t>("num_nextn_predict_layers", 0);
}

int64_t read_head_dim(MapReader& map, const ModelShape& shape, const FamilyRow& family) {
  const std::optional<int64_t> head_dim = map.find<int64_t>("head_dim");
  if (head_dim) return *head_dim;
  return family.d_head > 0 ? family.d_head : head_width(map, "num_attention_heads", shape);
}

bool has_latent_attention(Family family) {
  return family == Family::deepseek_v2 || family == Family::deepseek_v3 ||
         family == Family::kimi_k2;
}

/// What sets a family apart from LLaMA.
void add_family_parts(MapReader& map, ModelShape& shape, Family family) {
  switch (family) {
    case Family::gpt_neox:
      return add_gpt_neox_parts(map, shape);
    case Family::llama:
      read_attention_bias(map, shape);
      shape.ffn_bias = map.value_or<bool>("mlp_bias", false);
      return;
    case Family::mixtral:
      return add_mixtral_experts(map, shape);
    case Family::qwen2:
      shape.qkv_bias = true;
      return;
    case Family::qwen2_moe:
      return add_qwen2_experts(map, shape);
    case Family::qwen3:
      shape.qk_norm = true;
      return read_attention_bias(map, shape);
    case Family::qwen3_moe:
      shape.qk_norm = true;
      shape.moe = read_qwen_experts(map);
      return read_attention_bias(map, shape);
    case Family::gemma:
      shape.activation = Activation::gelu_tanh;  // whatever hidden_act says, as in transformers
      shape.counted_only_for = "scaled embeddings";
      return read_attention_bias(map, shape);
    case Family::phi3:
      return note_partial_rotary(map, "partial_rotary_factor", 1, shape);
    case Family::granite:
      return add_granite_parts(map, shape);
    case Family::smollm3:
      return add_smollm3_parts(map, shape);
    case Family::stablelm:
      return add_stablelm_parts(map, shape);
    case Family::starcoder2:
      shape.qkv_bias = shape.attention_out_bias = shape.ffn_bias =
          map.value_or<bool>("use_bias", true);
      return;
    case Family::deepseek:
    case Family::deepseek_v2:
    case Family::deepseek_v3:
    case Family::kimi_k2:
      return add_deepseek_parts(map, shape, family);
    case Family::gpt2:
    case Family::gpt_bigcode:
    case Family::gpt_neo:
    case Family::mistral:
      return;
  }
}

ModelShape read_family(MapReader& map, Family family) {
  if (family == Family::gpt_neo) return read_gpt_neo(map);
  if (family == Family::gpt2) return read_gpt2(map);
  if (family == Family::gpt_bigcode) {
    ModelShape shape = read_gpt2(map);
    if (map.value_or<bool>("multi_query", true)) shape.n_kv_head = 1;
    return shape;
  }
  const FamilyRow& row = row_of(family);
  ModelShape shape = read_llama_like(map, row);
  if (has_latent_attention(family))
    add_latent_attention(map, shape);
  else
    shape.d_head = read_head_dim(map, shape, row);
  add_family_parts(map, shape, family);
  return shape;
}

/// The row that model_type names. Throws ConfigError that says why for those known to be beyond our
/// shapes, else the nearest name.
const FamilyRow& find_family(const ConfigNode& model_type) {
  const std::string word = model_type.as<std::string>();
  std::vector<std::string> names;
  std::string all;
  for (const FamilyRow& row : kHuggingFaceFamilies) {
    if (row.name == word) return row;
    names.emplace_back(row.name);
    all += (all.empty() ? "" : ", ") + names.back();
  }
  for (const RefusedFamily& refused : kRefusedFamilies)
    if (refused.name == word)
      model_type.fail(fmt::format("has {}, which no model here can have", refused.reason),
                      "its parameters cannot be counted exactly");
  model_type.fail("must be one of " + all + did_you_mean(word, names));
}

}  // namespace

ModelShape read_hugging_face_model(const ConfigNode& node) {
  MapReader map(node);
  const FamilyRow& family = find_family(map.required_node("model_type"));
  ModelShape shape = read_family(map, family.value);
  shape.name = map.value_or<std::string>("_name_or_path", "");
  if (shape.name.empty()) shape.name = std::string(family.name);
  check(node, shape);
  return shape;
}

}  // namespace isoflop
