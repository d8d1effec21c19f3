// SPDX-License-Identifier: MIT
#include "core/model/model_config.hpp"

#include "core/base/enum_names.hpp"
#include "core/model/hugging_face_config.hpp"

#include <fmt/format.h>

#include <array>

namespace isoflop {
namespace {

constexpr std::array kNormNames = {
    EnumName{NormKind::rmsnorm, "rmsnorm"},
    EnumName{NormKind::layernorm, "layernorm"},
    EnumName{NormKind::layernorm_nobias, "layernorm_nobias"},
};
constexpr std::array kNormPositionNames = {
    EnumName{NormPosition::pre, "pre"},
    EnumName{NormPosition::post, "post"},
};
constexpr std::array kFfnNames = {
    EnumName{FfnType::standard, "standard"},
    EnumName{FfnType::gated, "gated"},
};
constexpr std::array kActivationNames = {
    EnumName{Activation::gelu_tanh, "gelu_tanh"},
    EnumName{Activation::gelu_erf, "gelu_erf"},
    EnumName{Activation::silu, "silu"},
    EnumName{Activation::relu, "relu"},
    EnumName{Activation::leaky_relu, "leaky_relu"},
};
constexpr std::array kPositionNames = {
    EnumName{PositionEncoding::rope, "rope"},
    EnumName{PositionEncoding::learned_absolute, "learned_absolute"},
    EnumName{PositionEncoding::none, "none"},
};

/// Widths of gated FFNs are multiples of this, as matrix units like them.
constexpr int64_t kFfnGranularity = 64;

template <typename Enum, std::size_t N>
Enum find_enum(MapReader& map, const std::string& key, const std::array<EnumName<Enum>, N>& names,
               Enum fallback) {
  const std::optional<ConfigNode> node = map.find_node(key);
  return node ? read_enum(*node, names) : fallback;
}

MoeShape read_moe(const ConfigNode& node) {
  MapReader map(node);
  MoeShape moe;
  moe.n_routed_expert = map.required<int64_t>("n_routed_expert");
  moe.n_active_expert = map.required<int64_t>("n_active_expert");
  moe.n_shared_expert = map.value_or<int64_t>("n_shared_expert", 0);
  moe.d_ff_expert = map.required<int64_t>("d_ff_expert");
  moe.n_dense_layer = map.value_or<int64_t>("n_dense_layer", 0);
  moe.router_bias = map.value_or<bool>("router_bias", false);
  map.finish();
  return moe;
}

MlaShape read_mla(const ConfigNode& node) {
  MapReader map(node);
  MlaShape mla;
  mla.q_lora_rank = map.value_or<int64_t>("q_lora_rank", 0);
  mla.kv_lora_rank = map.required<int64_t>("kv_lora_rank");
  mla.qk_nope_head_dim = map.required<int64_t>("qk_nope_head_dim");
  mla.qk_rope_head_dim = map.required<int64_t>("qk_rope_head_dim");
  mla.v_head_dim = map.required<int64_t>("v_head_dim");
  map.finish();
  return mla;
}

int64_t default_d_head(const ModelShape& shape, MapReader& map) {
  if (shape.mla) return shape.mla->qk_nope_head_dim + shape.mla->qk_rope_head_dim;
  const ConfigNode n_head = map.required_node("n_head");
  if (shape.n_head < 1) n_head.fail("must be at least 1");
  if (shape.d_model % shape.n_head != 0)
    n_head.fail(fmt::format("must divide d_model {}", shape.d_model), "change one, or give d_head");
  return shape.d_model / shape.n_head;
}

int64_t default_d_ff(const ModelShape& shape) {
  if (shape.ffn == FfnType::standard) return 4 * shape.d_model;
  const int64_t multiple = 3 * kFfnGranularity;
  return (8 * shape.d_model + multiple - 1) / multiple * kFfnGranularity;
}

void read_sizes(MapReader& map, ModelShape& shape) {
  shape.n_layer = map.required<int64_t>("n_layer");
  shape.d_model = map.required_at_least("d_model", 1);
  shape.n_head = map.required<int64_t>("n_head");
  shape.n_kv_head = map.value_or<int64_t>("n_kv_head", shape.n_head);
  const std::optional<int64_t> d_head = map.find<int64_t>("d_head");
  shape.d_head = d_head ? *d_head : default_d_head(shape, map);
  const std::optional<int64_t> d_ff = map.find<int64_t>("d_ff");
  shape.d_ff = d_ff ? *d_ff : default_d_ff(shape);
  shape.vocab_size = map.required<int64_t>("vocab_size");
  shape.max_seq_len = map.required<int64_t>("max_seq_len");
  shape.n_mtp_layer = map.value_or<int64_t>("n_mtp_layer", 0);
}

void read_kinds(MapReader& map, ModelShape& shape) {
  shape.norm = find_enum(map, "norm", kNormNames, shape.norm);
  shape.norm_position = find_enum(map, "norm_position", kNormPositionNames, shape.norm_position);
  shape.ffn = find_enum(map, "ffn", kFfnNames, shape.ffn);
  shape.activation = find_enum(map, "activation", kActivationNames, shape.activation);
  shape.position = find_enum(map, "position", kPositionNames, shape.position);
}

void read_options(MapReader& map, ModelShape& shape) {
  shape.qkv_bias = map.value_or<bool>("qkv_bias", shape.qkv_bias);
  shape.attention_out_bias = map.value_or<bool>("attention_out_bias", shape.attention_out_bias);
  shape.ffn_bias = map.value_or<bool>("ffn_bias", shape.ffn_bias);
  shape.tied_embeddings = map.value_or<bool>("tied_embeddings", shape.tied_embeddings);
  shape.qk_norm = map.value_or<bool>("qk_norm", shape.qk_norm);
  shape.rope_theta = map.value_or<double>("rope_theta", shape.rope_theta);
  shape.norm_eps = map.value_or<double>("norm_eps", shape.norm_eps);
}

/// The value at "moe.n_active_expert", or the nearest map around it when the file leaves it out.
ConfigNode locate(const ConfigNode& node, const std::string& dotted) {
  const std::size_t dot = dotted.find('.');
  for (const auto& [key, value] : node.entries()) {
    if (key != dotted.substr(0, dot) || value.is_null()) continue;
    return dot == std::string::npos ? value : locate(value, dotted.substr(dot + 1));
  }
  return node;
}

ModelShape read_own_form(const ConfigNode& node) {
  MapReader map(node);
  ModelShape shape;
  shape.name = map.value_or<std::string>("name", "");
  if (const auto moe = map.find_node("moe")) shape.moe = read_moe(*moe);
  if (const auto mla = map.find_node("mla")) shape.mla = read_mla(*mla);
  read_kinds(map, shape);
  read_options(map, shape);
  read_sizes(map, shape);
  map.finish();
  if (const std::optional<ShapeProblem> problem = find_problem(shape))
    validate(shape, locate(node, problem->field).where());
  return shape;
}

void write_moe(YamlWriter& writer, const MoeShape& moe) {
  writer.begin_map("moe")
      .entry("n_routed_expert", moe.n_routed_expert)
      .entry("n_active_expert", moe.n_active_expert)
      .entry("n_shared_expert", moe.n_shared_expert)
      .entry("d_ff_expert", moe.d_ff_expert)
      .entry("n_dense_layer", moe.n_dense_layer)
      .entry("router_bias", moe.router_bias)
      .end_map();
}

void write_mla(YamlWriter& writer, const MlaShape& mla) {
  writer.begin_map("mla")
      .entry("q_lora_rank", mla.q_lora_rank)
      .entry("kv_lora_rank", mla.kv_lora_rank)
      .entry("qk_nope_head_dim", mla.qk_nope_head_dim)
      .entry("qk_rope_head_dim", mla.qk_rope_head_dim)
      .entry("v_head_dim", mla.v_head_dim)
      .end_map();
}

}  // namespace

ModelShape read_model(const ConfigNode& node) {
  MapReader map(node);
  ModelShape shape =
      map.find_node("model_type") ? read_hugging_face_model(node) : read_own_form(node);
  if (shape.name.empty()) shape.name = short_name(shape);
  return shape;
}

ModelShape load_model(const std::filesystem::path& path) {
  return read_model(ConfigNode::load(path));
}

void write_model(YamlWriter& writer, const ModelShape& shape) {
  writer.entry("name", shape.name)
      .entry("n_layer", shape.n_layer)
      .entry("d_model", shape.d_model)
      .entry("n_head", shape.n_head)
      .entry("n_kv_head", shape.n_kv_head)
      .entry("d_head", shape.d_head)
      .entry("d_ff", shape.d_ff)
      .entry("vocab_size", shape.vocab_size)
      .entry("max_seq_len", shape.max_seq_len)
      .entry("norm", enum_name(kNormNames, shape.norm))
      .entry("norm_position", enum_name(kNormPositionNames, shape.norm_position))
      .entry("ffn", enum_name(kFfnNames, shape.ffn))
      .entry("activation", enum_name(kActivationNames, shape.activation))
      .entry("position", enum_name(kPositionNames, shape.position))
      .entry("qkv_bias", shape.qkv_bias)
      .entry("attention_out_bias", shape.attention_out_bias)
      .entry("ffn_bias", shape.ffn_bias)
      .entry("tied_embeddings", shape.tied_embeddings)
      .entry("qk_norm", shape.qk_norm)
      .entry("rope_theta", shape.rope_theta)
      .entry("norm_eps", shape.norm_eps);
  if (shape.n_mtp_layer > 0) writer.entry("n_mtp_layer", shape.n_mtp_layer);
  if (shape.moe) write_moe(writer, *shape.moe);
  if (shape.mla) write_mla(writer, *shape.mla);
}

}  // namespace isoflop
