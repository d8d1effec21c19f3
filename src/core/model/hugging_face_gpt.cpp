// SPDX-License-Identifier: MIT
#include "core/model/hugging_face_gpt.hpp"

#include "core/model/hugging_face_reading.hpp"

#include <initializer_list>
#include <string>

namespace isoflop {
namespace {

using Family = HuggingFaceFamily;

/// What GPT-2 and its kin have in common.
ModelShape gpt_shape() {
  ModelShape shape;
  shape.norm = NormKind::layernorm;
  shape.ffn = FfnType::standard;
  shape.activation = Activation::gelu_tanh;
  shape.position = PositionEncoding::learned_absolute;
  shape.qkv_bias = shape.attention_out_bias = shape.ffn_bias = true;
  return shape;
}

void set_biases(ModelShape& shape, bool present) {
  shape.qkv_bias = shape.attention_out_bias = shape.ffn_bias = present;
}

/// The first of the keys that the file has, which later versions renamed; the last one is what an
/// error calls missing.
std::string first_key(MapReader& map, std::initializer_list<const char*> keys) {
  for (const char* const key : keys)
    if (map.find_node(key)) return key;
  return *(keys.end() - 1);
}

/// Keys of the sizes in a file.
struct SizeKeys {
  std::string n_layer;
  std::string d_model;
  std::string n_head;
};

void read_sizes(MapReader& map, const SizeKeys& keys, ModelShape& shape) {
  shape.n_layer = map.required<int64_t>(keys.n_layer);
  shape.d_model = map.required_at_least(keys.d_model, 1);
  shape.n_head = map.required<int64_t>(keys.n_head);
  shape.n_kv_head = shape.n_head;
  shape.d_head = head_width(map, keys.n_head, shape);
  shape.d_ff = 4 * shape.d_model;
  shape.vocab_size = map.required<int64_t>("vocab_size");
}

int64_t read_positions(MapReader& map) {
  if (const auto n_positions = map.find<int64_t>("n_positions")) return *n_positions;
  if (const auto n_ctx = map.find<int64_t>("n_ctx")) return *n_ctx;
  return map.required<int64_t>("n_positions");
}

/// gpt2; gpt_bigcode, gptj and codegen have its keys.
ModelShape read_gpt2(MapReader& map) {
  ModelShape shape = gpt_shape();
  read_sizes(map, {"n_layer", "n_embd", "n_head"}, shape);
  shape.d_ff = map.value_or<int64_t>("n_inner", shape.d_ff);
  shape.max_seq_len = read_positions(map);
  shape.activation = read_activation(map, "activation_function", shape.activation);
  shape.tied_embeddings = map.value_or<bool>("tie_word_embeddings", true);
  shape.norm_eps = map.value_or<double>("layer_norm_epsilon", 1e-5);
  return shape;
}

ModelShape read_gpt_bigcode(MapReader& map) {
  ModelShape shape = read_gpt2(map);
  if (map.value_or<bool>("multi_query", true)) shape.n_kv_head = 1;
  return shape;
}

/// gptj and codegen: attention and FFN beside each other behind one norm.
ModelShape read_gptj(MapReader& map) {
  ModelShape shape = read_gpt2(map);
  shape.position = PositionEncoding::rope;
  shape.qkv_bias = shape.attention_out_bias = false;
  shape.tied_embeddings = map.value_or<bool>("tie_word_embeddings", false);
  shape.foreign.norms_per_block = 1;
  shape.foreign.output_bias = true;
  shape.counted_only_for = "a parallel residual";
  return shape;
}

/// Every second layer looks back 256 tokens only.
ModelShape read_gpt_neo(MapReader& map) {
  ModelShape shape = gpt_shape();
  read_sizes(map, {"num_layers", "hidden_size", "num_heads"}, shape);
  shape.d_ff = map.value_or<int64_t>("intermediate_size", shape.d_ff);
  shape.max_seq_len = map.required<int64_t>("max_position_embeddings");
  shape.activation = read_activation(map, "activation_function", shape.activation);
  shape.qkv_bias = false;
  shape.tied_embeddings = map.value_or<bool>("tie_word_embeddings", true);
  shape.norm_eps = map.value_or<double>("layer_norm_epsilon", 1e-5);
  shape.counted_only_for = "attention within windows";
  return shape;
}

/// Positions count from two. The 350M model norms sums (post) and has an embedding of half its
/// width.
ModelShape read_opt(MapReader& map) {
  ModelShape shape = gpt_shape();
  read_sizes(map, {"num_hidden_layers", "hidden_size", "num_attention_heads"}, shape);
  shape.d_ff = map.required<int64_t>("ffn_dim");
  shape.max_seq_len = map.value_or<int64_t>("max_position_embeddings", 2048);
  shape.activation = read_activation(map, "activation_function", Activation::relu);
  set_biases(shape, map.value_or<bool>("enable_bias", true));
  shape.tied_embeddings = map.value_or<bool>("tie_word_embeddings", true);
  if (!map.value_or<bool>("do_layer_norm_before", true)) shape.norm_position = NormPosition::post;
  shape.foreign.norm_weights = map.value_or<bool>("layer_norm_elementwise_affine", true);
  shape.foreign.n_unused_position = 2;
  const int64_t width = map.value_or<int64_t>("word_embed_proj_dim", shape.d_model);
  if (width != shape.d_model) shape.foreign.d_embedding = width;
  refuse_flag(map, "_remove_final_layer_norm", "there is no norm before the output");
  return shape;
}

ModelShape read_bloom(MapReader& map) {
  ModelShape shape = gpt_shape();
  read_sizes(
      map,
      {first_key(map, {"num_hidden_layers", "n_layer"}), first_key(map, {"n_embed", "hidden_size"}),
       first_key(map, {"num_attention_heads", "n_head"})},
      shape);
  shape.max_seq_len = map.value_or<int64_t>("seq_length", 2048);
  shape.position = PositionEncoding::none;
  shape.tied_embeddings = map.value_or<bool>("tie_word_embeddings", true);
  shape.norm_eps = map.value_or<double>("layer_norm_epsilon", 1e-5);
  shape.foreign.embedding_norm = true;
  shape.counted_only_for = "linear biases of positions (ALiBi)";
  return shape;
}

/// Beside each other, attention and FFN share a norm unless there are two (40B and 180B).
int64_t falcon_norms(MapReader& map, bool new_architecture) {
  if (!map.value_or<bool>("parallel_attn", true)) return 2;
  return map.value_or<int64_t>("num_ln_in_parallel_attn", new_architecture ? 2 : 1);
}

ModelShape read_falcon(MapReader& map) {
  ModelShape shape = gpt_shape();
  read_sizes(map, {"num_hidden_layers", "hidden_size", "num_attention_heads"}, shape);
  const bool new_architecture = map.value_or<bool>("new_decoder_architecture", false);
  const bool multi_query = map.value_or<bool>("multi_query", true);
  shape.n_kv_head =
      new_architecture || !multi_query ? map.value_or<int64_t>("num_kv_heads", shape.n_head) : 1;
  shape.d_ff = map.value_or<int64_t>("ffn_hidden_size", shape.d_ff);
  shape.max_seq_len = map.value_or<int64_t>("max_position_embeddings", 2048);
  shape.activation = read_activation(map, "activation", Activation::gelu_erf);
  const bool alibi = map.value_or<bool>("alibi", false);
  shape.position = alibi ? PositionEncoding::none : PositionEncoding::rope;
  set_biases(shape, map.value_or<bool>("bias", false));
  shape.tied_embeddings = map.value_or<bool>("tie_word_embeddings", true);
  shape.norm_eps = map.value_or<double>("layer_norm_epsilon", 1e-5);
  shape.foreign.norms_per_block = falcon_norms(map, new_architecture);
  if (alibi) shape.counted_only_for = "linear biases of positions (ALiBi)";
  if (map.value_or<bool>("parallel_attn", true)) shape.counted_only_for = "a parallel residual";
  return shape;
}

/// Heads, positions and norms of MPT's queries and keys stand in a map of their own.
void read_mpt_attention(const ConfigNode& node, ModelShape& shape) {
  MapReader map(node);
  const auto kind = map.value_or<std::string>("attn_type", "multihead_attention");
  if (kind == "multiquery_attention") shape.n_kv_head = 1;
  shape.n_kv_head = map.value_or<int64_t>("kv_n_heads", shape.n_kv_head);
  if (map.value_or<bool>("rope", false)) shape.position = PositionEncoding::rope;
  if (map.value_or<bool>("alibi", false)) {
    shape.position = PositionEncoding::none;
    shape.counted_only_for = "linear biases of positions (ALiBi)";
  }
  shape.qk_norm = shape.foreign.own_qk_norms = map.value_or<bool>("qk_ln", false);
}

ModelShape read_mpt(MapReader& map) {
  ModelShape shape = gpt_shape();
  read_sizes(map, {"n_layers", "d_model", "n_heads"}, shape);
  shape.d_ff = map.value_or<int64_t>("expansion_ratio", 4) * shape.d_model;
  shape.max_seq_len = map.value_or<int64_t>("max_seq_len", 2048);
  shape.activation = Activation::gelu_erf;
  const bool no_bias = map.value_or<bool>("no_bias", true);
  set_biases(shape, !no_bias);
  if (no_bias) shape.norm = NormKind::layernorm_nobias;
  shape.tied_embeddings = map.value_or<bool>("tie_word_embeddings", true);
  if (!map.value_or<bool>("learned_pos_emb", true)) shape.position = PositionEncoding::none;
  if (const auto attention = map.find_node("attn_config")) read_mpt_attention(*attention, shape);
  return shape;
}

MoeShape read_dbrx_experts(const ConfigNode& node) {
  MapReader map(node);
  MoeShape moe;
  moe.n_routed_expert = map.required_at_least("moe_num_experts", 1);
  moe.n_active_expert = map.required<int64_t>("moe_top_k");
  moe.d_ff_expert = map.required_at_least("ffn_hidden_size", 1);
  return moe;
}

ModelShape read_dbrx(MapReader& map) {
  ModelShape shape;
  read_sizes(map, {"n_layers", "d_model", "n_heads"}, shape);
  shape.max_seq_len = map.value_or<int64_t>("max_seq_len", 2048);
  shape.norm = NormKind::layernorm_nobias;
  shape.tied_embeddings = map.value_or<bool>("tie_word_embeddings", false);
  shape.moe = read_dbrx_experts(map.required_node("ffn_config"));
  MapReader attention(map.required_node("attn_config"));
  shape.n_kv_head = attention.value_or<int64_t>("kv_n_heads", 1);
  shape.rope_theta = attention.value_or<double>("rope_theta", 1e4);
  return shape;
}

/// The first Qwen: intermediate_size is that of gate and up together.
ModelShape read_qwen(MapReader& map) {
  ModelShape shape;
  read_sizes(map, {"num_hidden_layers", "hidden_size", "num_attention_heads"}, shape);
  shape.d_head = map.value_or<int64_t>("kv_channels", shape.d_head);
  const ConfigNode width = map.required_node("intermediate_size");
  if (width.as<int64_t>() % 2 != 0) width.fail("must be even: it holds gate and up");
  shape.d_ff = width.as<int64_t>() / 2;
  shape.max_seq_len = map.value_or<int64_t>("seq_length", 2048);
  const bool has_bias = !map.value_or<bool>("no_bias", true);
  shape.qkv_bias = true;
  shape.attention_out_bias = shape.ffn_bias = has_bias;
  shape.tied_embeddings = map.value_or<bool>("tie_word_embeddings", false);
  shape.norm_eps = map.value_or<double>("layer_norm_epsilon", 1e-6);
  shape.rope_theta = map.value_or<double>("rotary_emb_base", 1e4);
  return shape;
}

}  // namespace

std::optional<ModelShape> read_gpt_family(MapReader& map, HuggingFaceFamily family) {
  switch (family) {
    case Family::gpt2:
      return read_gpt2(map);
    case Family::gpt_bigcode:
      return read_gpt_bigcode(map);
    case Family::gpt_neo:
      return read_gpt_neo(map);
    case Family::gptj:
    case Family::codegen:
      return read_gptj(map);
    case Family::opt:
      return read_opt(map);
    case Family::bloom:
      return read_bloom(map);
    case Family::falcon:
      return read_falcon(map);
    case Family::mpt:
      return read_mpt(map);
    case Family::dbrx:
      return read_dbrx(map);
    case Family::qwen:
      return read_qwen(map);
    default:
      return std::nullopt;
  }
}

}  // namespace isoflop
