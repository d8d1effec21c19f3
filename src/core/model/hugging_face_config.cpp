// SPDX-License-Identifier: MIT
#include "core/model/hugging_face_config.hpp"

#include "core/base/suggest.hpp"
#include "core/model/hugging_face_experts.hpp"
#include "core/model/hugging_face_family.hpp"
#include "core/model/hugging_face_gpt.hpp"
#include "core/model/hugging_face_reading.hpp"

#include <fmt/format.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace isoflop {
namespace {

using Family = HuggingFaceFamily;
using FamilyRow = HuggingFaceFamilyRow;

/// Our field and the keys that may hold it in the file.
struct FieldKey {
  std::string_view field;
  std::array<std::string_view, 4> keys;
};

constexpr std::array kFieldKeys = {
    FieldKey{"n_layer", {"n_layer", "num_hidden_layers", "num_layers", "n_layers"}},
    FieldKey{"d_model", {"n_embd", "hidden_size", "n_embed", "d_model"}},
    FieldKey{"n_head", {"n_head", "num_attention_heads", "num_heads", "n_heads"}},
    FieldKey{"n_kv_head", {"num_key_value_heads", "num_kv_heads", "n_head", "num_heads"}},
    FieldKey{"d_head", {"head_dim", "kv_channels", "n_head", "num_heads"}},
    FieldKey{"d_ff", {"n_inner", "ffn_dim", "ffn_hidden_size", "intermediate_size"}},
    FieldKey{"vocab_size", {"vocab_size"}},
    FieldKey{"max_seq_len", {"n_positions", "max_position_embeddings", "max_seq_len"}},
    FieldKey{"norm_eps", {"layer_norm_epsilon", "rms_norm_eps", "layer_norm_eps"}},
    FieldKey{"rope_theta", {"rope_theta"}},
    FieldKey{"n_mtp_layer", {"num_nextn_predict_layers"}},
    FieldKey{"d_embedding", {"word_embed_proj_dim"}},
    FieldKey{"moe.n_active_expert", {"num_experts_per_tok"}},
    FieldKey{"moe.n_shared_expert", {"n_shared_experts"}},
    FieldKey{"moe.n_dense_layer", {"first_k_dense_replace"}},
    FieldKey{"moe.layer_step", {"decoder_sparse_step", "interleave_moe_layer_step"}},
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

/// A size that the family's configuration class may know.
int64_t read_size(MapReader& map, const std::string& key, int64_t fallback) {
  return fallback > 0 ? map.value_or<int64_t>(key, fallback) : map.required<int64_t>(key);
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
  shape.n_head = read_size(map, "num_attention_heads", family.n_head);
  shape.n_kv_head = map.value_or<int64_t>("num_key_value_heads",
                                          family.n_kv_head > 0 ? family.n_kv_head : shape.n_head);
  shape.d_ff = map.required<int64_t>("intermediate_size");
  shape.vocab_size = read_size(map, "vocab_size", family.vocab_size);
  shape.max_seq_len = map.value_or<int64_t>("max_position_embeddings", family.max_seq_len);
  shape.norm = family.norm;
  shape.ffn = family.ffn;
  shape.activation = read_activation(map, std::string(family.activation_key), family.activation);
  shape.tied_embeddings = map.value_or<bool>("tie_word_embeddings", family.tied);
  shape.norm_eps = map.value_or<double>(std::string(family.eps_key), family.norm_eps);
  shape.rope_theta = read_rope_theta(map, family);
  shape.foreign.norms_per_block = family.norms_per_block;
  return shape;
}

void read_attention_bias(MapReader& map, ModelShape& shape, bool fallback = false) {
  shape.qkv_bias = shape.attention_out_bias = map.value_or<bool>("attention_bias", fallback);
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

void add_llama_parts(MapReader& map, ModelShape& shape) {
  read_attention_bias(map, shape);
  shape.ffn_bias = map.value_or<bool>("mlp_bias", false);
}

/// Norms of queries and keys without weights, and layers without positions.
void add_llama4_parts(MapReader& map, ModelShape& shape) {
  read_attention_bias(map, shape);
  shape.counted_only_for = "layers without positions";
}

void add_granite_parts(MapReader& map, ModelShape& shape) {
  add_llama_parts(map, shape);
  for (const char* const key :
       {"embedding_multiplier", "logits_scaling", "residual_multiplier", "attention_multiplier"})
    if (map.value_or<double>(key, 1) != 1) shape.counted_only_for = "multipliers";
}

/// Every fourth layer has no rotary positions.
void add_smollm3_parts(MapReader& map, ModelShape& shape) {
  add_llama_parts(map, shape);
  shape.counted_only_for = "layers without positions";
}

void add_stablelm_parts(MapReader& map, ModelShape& shape) {
  shape.qkv_bias = map.value_or<bool>("use_qkv_bias", false);
  shape.qk_norm = shape.foreign.own_qk_norms = map.value_or<bool>("qk_layernorm", false);
  if (map.value_or<bool>("use_parallel_residual", false)) shape.foreign.norms_per_block = 1;
  note_partial_rotary(map, "partial_rotary_factor", 0.25, shape);
}

/// Gemma's activation is the tanh form whatever hidden_act says, as in transformers.
void add_gemma_parts(MapReader& map, ModelShape& shape, Family family) {
  if (family == Family::gemma) shape.activation = Activation::gelu_tanh;
  shape.qk_norm = family == Family::gemma3_text;
  shape.counted_only_for = "scaled embeddings";
  read_attention_bias(map, shape);
}

/// Attention and FFN beside each other behind one norm.
void add_phi_parts(MapReader& map, ModelShape& shape) {
  shape.qkv_bias = shape.attention_out_bias = shape.ffn_bias = true;
  shape.qk_norm = map.value_or<bool>("qk_layernorm", false);
  shape.foreign.output_bias = true;
}

void add_phimoe_parts(MapReader& map, ModelShape& shape) {
  read_attention_bias(map, shape);
  shape.foreign.output_bias = map.value_or<bool>("lm_head_bias", false);
}

/// OLMo's norms have no weights; from OLMo 2 on they follow the sub-layers.
void add_olmo_parts(MapReader& map, ModelShape& shape, Family family) {
  read_attention_bias(map, shape);
  shape.foreign.norm_weights = family != Family::olmo;
  shape.qk_norm = shape.foreign.own_qk_norms = family != Family::olmo;
  if (family == Family::olmo2 || family == Family::olmo3)
    shape.counted_only_for = "norms of what its sub-layers give";
}

/// Attention and FFN beside each other behind one norm; Command R+ has norms of queries and keys.
void add_cohere_parts(MapReader& map, ModelShape& shape) {
  read_attention_bias(map, shape);
  shape.qk_norm = shape.foreign.own_qk_norms = map.value_or<bool>("use_qk_norm", false);
}

/// attention_bias is that of queries, keys and values only.
void add_glm_parts(MapReader& map, ModelShape& shape) {
  shape.qkv_bias = map.value_or<bool>("attention_bias", false);
  shape.qk_norm = map.value_or<bool>("use_qk_norm", false);
  note_partial_rotary(map, "partial_rotary_factor", 0.5, shape);
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

void add_latent_attention(MapReader& map, ModelShape& shape) {
  shape.mla = read_latent_attention(map);
  shape.d_head = shape.mla->qk_nope_head_dim + shape.mla->qk_rope_head_dim;
  shape.n_kv_head = shape.n_head;
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

/// What sets a family apart from LLaMA, experts aside.
void add_family_parts(MapReader& map, ModelShape& shape, Family family) {
  switch (family) {
    case Family::gpt_neox:
      return add_gpt_neox_parts(map, shape);
    case Family::llama:
      return add_llama_parts(map, shape);
    case Family::llama4_text:
      return add_llama4_parts(map, shape);
    case Family::qwen2:
      shape.qkv_bias = true;
      return;
    case Family::qwen2_moe:
      shape.qkv_bias = map.value_or<bool>("qkv_bias", true);
      return;
    case Family::qwen3:
    case Family::qwen3_moe:
      shape.qk_norm = true;
      return read_attention_bias(map, shape);
    case Family::gemma:
    case Family::gemma2:
    case Family::gemma3_text:
      return add_gemma_parts(map, shape, family);
    case Family::phi:
      return add_phi_parts(map, shape);
    case Family::phi3:
      return note_partial_rotary(map, "partial_rotary_factor", 1, shape);
    case Family::phimoe:
      return add_phimoe_parts(map, shape);
    case Family::granite:
    case Family::granitemoe:
      return add_granite_parts(map, shape);
    case Family::olmo:
    case Family::olmo2:
    case Family::olmo3:
    case Family::olmoe:
      return add_olmo_parts(map, shape, family);
    case Family::cohere:
    case Family::cohere2:
      return add_cohere_parts(map, shape);
    case Family::glm:
    case Family::glm4:
    case Family::glm4_moe:
      return add_glm_parts(map, shape);
    case Family::gpt_oss:
      shape.foreign.attention_sinks = true;
      return read_attention_bias(map, shape, true);
    case Family::smollm3:
      return add_smollm3_parts(map, shape);
    case Family::stablelm:
      return add_stablelm_parts(map, shape);
    case Family::starcoder2:
      shape.qkv_bias = shape.attention_out_bias = shape.ffn_bias =
          map.value_or<bool>("use_bias", true);
      return;
    case Family::internlm2:
      shape.qkv_bias = shape.attention_out_bias = map.value_or<bool>("bias", false);
      return;
    case Family::seed_oss:
      shape.qkv_bias = map.value_or<bool>("attention_bias", true);
      shape.attention_out_bias = map.value_or<bool>("attention_out_bias", false);
      shape.ffn_bias = map.value_or<bool>("mlp_bias", false);
      return;
    case Family::ernie4_5:
      shape.qkv_bias = shape.attention_out_bias = shape.ffn_bias =
          map.value_or<bool>("use_bias", false);
      return;
    case Family::exaone4:
      shape.qk_norm = true;
      shape.counted_only_for = "norms of what its sub-layers give";
      return;
    case Family::baichuan:
      shape.counted_only_for = "positions that its file does not tell";
      return;
    case Family::deepseek:
    case Family::deepseek_v2:
    case Family::deepseek_v3:
    case Family::kimi_k2:
      return read_attention_bias(map, shape);
    default:
      return;
  }
}

ModelShape read_family(MapReader& map, const FamilyRow& row) {
  if (const std::optional<ModelShape> shape = read_gpt_family(map, row.value)) return *shape;
  ModelShape shape = read_llama_like(map, row);
  if (has_latent_attention(row.value))
    add_latent_attention(map, shape);
  else
    shape.d_head = read_head_dim(map, shape, row);
  add_family_parts(map, shape, row.value);
  read_experts(map, row.value, shape);
  return shape;
}

/// Throws for a family that is known to be beyond our shapes.
void refuse_known(const ConfigNode& model_type) {
  const std::string word = model_type.as<std::string>();
  for (const RefusedFamily& refused : kRefusedFamilies)
    if (refused.name == word)
      model_type.fail(fmt::format("has {}, which no model here can have", refused.reason),
                      "its parameters cannot be counted exactly");
}

/// The row that model_type names. Throws ConfigError with the nearest name.
const FamilyRow& find_family(const ConfigNode& model_type) {
  const std::string word = model_type.as<std::string>();
  std::vector<std::string> names;
  std::string all;
  for (const FamilyRow& row : kHuggingFaceFamilies) {
    if (row.name == word) return row;
    names.emplace_back(row.name);
    all += (all.empty() ? "" : ", ") + names.back();
  }
  model_type.fail("must be one of " + all + did_you_mean(word, names));
}

/// The decoder within a model that reads images too (gemma3, llama4, mistral3 and others).
ModelShape read_text_part(const ConfigNode& text) {
  ModelShape shape = read_hugging_face_model(text);
  shape.counted_only_for = "other parts beside the decoder, which are not counted";
  return shape;
}

}  // namespace

ModelShape read_hugging_face_model(const ConfigNode& node) {
  MapReader map(node);
  const ConfigNode model_type = map.required_node("model_type");
  refuse_known(model_type);
  if (const auto text = map.find_node("text_config")) return read_text_part(*text);
  const FamilyRow& family = find_family(model_type);
  ModelShape shape = read_family(map, family);
  shape.name = map.value_or<std::string>("_name_or_path", "");
  if (shape.name.empty()) shape.name = std::string(family.name);
  check(node, shape);
  return shape;
}

}  // namespace isoflop
