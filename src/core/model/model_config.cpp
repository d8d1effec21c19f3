// SPDX-License-Identifier: MIT
#include "core/model/model_config.hpp"

#include "core/base/enum_names.hpp"
#include "core/base/round_up.hpp"
#include "core/model/architecture.hpp"
#include "core/model/hugging_face_config.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <set>

namespace isoflop {
namespace {

/// Widths of gated FFNs are multiples of this, as matrix units like them.
constexpr int64_t kFfnGranularity = 64;

/// `kind` becomes what the key says, where it is given.
template <typename Enum, typename Rows>
void read_kind(MapReader& map, const std::string& key, const Rows& rows, Enum& kind) {
  if (const std::optional<ConfigNode> node = map.find_node(key)) kind = read_enum(*node, rows);
}

int64_t default_d_head(const ModelShape& shape, MapReader& map) {
  if (shape.mla) return shape.mla->qk_nope_head_dim + shape.mla->qk_rope_head_dim;
  const ConfigNode n_head = map.required_node("n_head");
  if (shape.n_head < 1) n_head.fail("must be at least 1");
  if (shape.d_model % shape.n_head != 0)
    n_head.fail(fmt::format("must divide d_model {}", shape.d_model), "change one, or give d_head");
  return shape.d_model / shape.n_head;
}

/// A size that a preset may know.
int64_t size_or_preset(MapReader& map, const std::string& key, int64_t preset) {
  return preset > 0 ? map.value_or<int64_t>(key, preset) : map.required<int64_t>(key);
}

void read_sizes(MapReader& map, ModelShape& shape) {
  shape.n_layer = map.required<int64_t>("n_layer");
  shape.d_model = map.required_at_least("d_model", 1);
  shape.n_head = map.required<int64_t>("n_head");
  shape.n_kv_head = map.value_or<int64_t>("n_kv_head", shape.n_head);
  const std::optional<int64_t> d_head = map.find<int64_t>("d_head");
  shape.d_head = d_head ? *d_head : default_d_head(shape, map);
  const std::optional<int64_t> d_ff = map.find<int64_t>("d_ff");
  shape.d_ff = d_ff ? *d_ff : default_d_ff(shape.ffn, shape.d_model);
  shape.vocab_size = size_or_preset(map, "vocab_size", shape.vocab_size);
  shape.max_seq_len = size_or_preset(map, "max_seq_len", shape.max_seq_len);
  shape.n_mtp_layer = map.value_or<int64_t>("n_mtp_layer", 0);
}

/// swiglu stands for gated with silu: another activation beside it contradicts it.
void read_ffn(MapReader& map, ModelShape& shape) {
  read_kind(map, "activation", kActivationRows, shape.activation);
  const std::optional<ConfigNode> node = map.find_node("ffn_type");
  if (!node) return;
  if (node->text() != "swiglu") {
    read_kind(map, "ffn_type", kFfnRows, shape.ffn);
    return;
  }
  const std::optional<ConfigNode> activation = map.find_node("activation");
  if (activation && shape.activation != Activation::silu)
    activation->fail("ffn_type swiglu has silu", "leave it out, or set ffn_type gated");
  shape.ffn = FfnType::gated;
  shape.activation = Activation::silu;
}

void read_kinds(MapReader& map, ModelShape& shape) {
  read_kind(map, "normalization", kNormRows, shape.norm);
  read_kind(map, "norm_position", kNormPositionRows, shape.norm_position);
  read_ffn(map, shape);
}

/// bias stands for all three; each may be given by itself as well.
void read_biases(MapReader& map, ModelShape& shape) {
  if (const std::optional<bool> all = map.find<bool>("bias"))
    shape.qkv_bias = shape.attention_out_bias = shape.ffn_bias = *all;
  shape.qkv_bias = map.value_or<bool>("qkv_bias", shape.qkv_bias);
  shape.attention_out_bias = map.value_or<bool>("attention_out_bias", shape.attention_out_bias);
  shape.ffn_bias = map.value_or<bool>("ffn_bias", shape.ffn_bias);
}

void read_attention(MapReader& map, ModelShape& shape) {
  read_kind(map, "attention_backend", kAttentionBackendRows, shape.attention_backend);
  shape.attention_strict = map.value_or<bool>("attention_strict", shape.attention_strict);
  if (shape.attention_strict && shape.attention_backend == AttentionBackend::automatic)
    map.required_node("attention_strict")
        .fail("attention_backend auto takes what there is",
              "leave it out, or name the attention_backend");
}

void read_position(MapReader& map, ModelShape& shape) {
  read_kind(map, "position_encoding", kPositionRows, shape.position);
  const std::optional<ConfigNode> theta = map.find_node("rope_theta");
  if (!theta) return;
  if (shape.position != PositionEncoding::rope)
    theta->fail(fmt::format("means nothing with position_encoding {}", row_of(shape.position).name),
                "leave it out (--set model.rope_theta=null), or set position_encoding: rope");
  shape.rope_theta = theta->as<double>();
}

void read_options(MapReader& map, ModelShape& shape) {
  shape.tied_embeddings = map.value_or<bool>("weight_tying", shape.tied_embeddings);
  shape.qk_norm = map.value_or<bool>("qk_norm", shape.qk_norm);
  shape.norm_eps = map.value_or<double>("norm_eps", shape.norm_eps);
  shape.dropout = map.value_or<double>("dropout", shape.dropout);
  shape.z_loss = map.value_or<double>("z_loss", shape.z_loss);
  shape.init_std = map.value_or<double>("init_std", shape.init_std);
  shape.depth_scaled_init = map.value_or<bool>("depth_scaled_init", shape.depth_scaled_init);
}

ModelShape read_preset(MapReader& map) {
  const std::optional<ConfigNode> node = map.find_node("preset");
  return node ? read_row(*node, model_presets()).defaults : ModelShape();
}

/// Where a shape's field ("norm_eps", "moe.n_active_expert") stands, or the nearest map around it.
std::string where_of(MapReader& map, const std::string& field) {
  const std::size_t dot = field.find('.');
  const std::optional<ConfigNode> value = map.find_node(field.substr(0, dot));
  if (!value) return map.node().where();
  if (dot == std::string::npos) return value->where();
  MapReader inner(*value);
  return where_of(inner, field.substr(dot + 1));
}

ModelShape read_own_form(MapReader& map) {
  ModelShape shape = read_preset(map);
  shape.name = map.value_or<std::string>("name", "");
  if (const auto moe = map.find_node("moe")) shape.moe = read_moe(*moe);
  if (const auto mla = map.find_node("mla")) shape.mla = read_mla(*mla);
  read_kinds(map, shape);
  read_position(map, shape);
  read_attention(map, shape);
  read_biases(map, shape);
  read_options(map, shape);
  read_sizes(map, shape);
  map.finish();
  if (const std::optional<ShapeProblem> problem = find_problem(shape))
    validate(shape, where_of(map, problem->field));
  return shape;
}

/// Keys that `node` leaves out from the file that it names, then from the one which that names.
void add_files(MapReader& map, ConfigNode node) {
  std::set<std::filesystem::path> seen;
  while (const std::optional<ConfigNode> file = MapReader(node).find_node("file")) {
    const std::filesystem::path folder = std::filesystem::path(node.document_name()).parent_path();
    const std::filesystem::path path = folder / file->as<std::filesystem::path>();
    if (!seen.insert(std::filesystem::weakly_canonical(path)).second)
      file->fail("leads back to a file that names this one", "leave it out");
    node = ConfigNode::load(path);
    map.add_defaults(node);
  }
}

void write_moe(YamlWriter& writer, const MoeShape& moe) {
  writer.begin_map("moe")
      .entry("n_routed_expert", moe.n_routed_expert)
      .entry("n_active_expert", moe.n_active_expert)
      .entry("n_shared_expert", moe.n_shared_expert)
      .entry("d_ff_expert", moe.d_ff_expert)
      .entry("n_dense_layer", moe.n_dense_layer)
      .entry("layer_step", moe.layer_step)
      .entry("router_bias", moe.router_bias)
      .entry("shared_expert_gate", moe.shared_expert_gate)
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

MoeShape read_moe(const ConfigNode& node) {
  MapReader map(node);
  MoeShape moe;
  moe.n_routed_expert = map.required<int64_t>("n_routed_expert");
  moe.n_active_expert = map.required<int64_t>("n_active_expert");
  moe.n_shared_expert = map.value_or<int64_t>("n_shared_expert", 0);
  moe.d_ff_expert = map.required<int64_t>("d_ff_expert");
  moe.n_dense_layer = map.value_or<int64_t>("n_dense_layer", 0);
  moe.layer_step = map.value_or<int64_t>("layer_step", 1);
  moe.router_bias = map.value_or<bool>("router_bias", false);
  moe.shared_expert_gate = map.value_or<bool>("shared_expert_gate", false);
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

int64_t default_d_ff(FfnType ffn, int64_t d_model) {
  if (ffn == FfnType::standard) return 4 * d_model;
  return round_up(8 * d_model, 3 * kFfnGranularity) / 3;
}

ModelShape read_model(const ConfigNode& node) {
  MapReader map(node);
  const std::optional<ConfigNode> file = map.find_node("file");
  add_files(map, node);
  const std::optional<ConfigNode> model_type = map.find_node("model_type");
  if (model_type && file)
    file->fail("names a Hugging Face model, whose keys cannot stand beside ours",
               "give it as model: " + file->text() + " alone, without --set model.KEY");
  ModelShape shape = model_type ? read_hugging_face_model(node) : read_own_form(map);
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
      .entry("normalization", std::string(row_of(shape.norm).name))
      .entry("norm_position", std::string(row_of(shape.norm_position).name))
      .entry("ffn_type", std::string(row_of(shape.ffn).name))
      .entry("activation", std::string(row_of(shape.activation).name))
      .entry("position_encoding", std::string(row_of(shape.position).name))
      .entry("qkv_bias", shape.qkv_bias)
      .entry("attention_out_bias", shape.attention_out_bias)
      .entry("ffn_bias", shape.ffn_bias)
      .entry("weight_tying", shape.tied_embeddings)
      .entry("qk_norm", shape.qk_norm)
      .entry("attention_backend", std::string(row_of(shape.attention_backend).name))
      .entry("attention_strict", shape.attention_strict)
      .entry("norm_eps", shape.norm_eps)
      .entry("dropout", shape.dropout)
      .entry("z_loss", shape.z_loss)
      .entry("init_std", shape.init_std)
      .entry("depth_scaled_init", shape.depth_scaled_init);
  if (shape.position == PositionEncoding::rope) writer.entry("rope_theta", shape.rope_theta);
  if (shape.n_mtp_layer > 0) writer.entry("n_mtp_layer", shape.n_mtp_layer);
  if (shape.moe) write_moe(writer, *shape.moe);
  if (shape.mla) write_mla(writer, *shape.mla);
}

}  // namespace isoflop
