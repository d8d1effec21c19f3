// SPDX-License-Identifier: MIT
#include "trainer/interchange/foreign_config.hpp"

#include "core/base/enum_names.hpp"
#include "core/base/error.hpp"
#include "core/base/json_writer.hpp"
#include "core/model/hugging_face_config.hpp"
#include "core/model/hugging_face_reading.hpp"
#include "core/model/parameter_list.hpp"

#include <fmt/format.h>

#include <string_view>

namespace isoflop {
namespace {

std::string_view torch_dtype(DType dtype) {
  switch (dtype) {
    case DType::bf16:
      return "bfloat16";
    case DType::f16:
      return "float16";
    default:
      return "float32";
  }
}

void write_gpt2(JsonWriter& json, const ModelShape& shape) {
  json.entry("n_layer", shape.n_layer)
      .entry("n_embd", shape.d_model)
      .entry("n_head", shape.n_head)
      .entry("n_inner", shape.d_ff)
      .entry("n_positions", shape.max_seq_len)
      .entry("activation_function", enum_name(kHuggingFaceActivations, shape.activation))
      .entry("layer_norm_epsilon", shape.norm_eps)
      .entry("resid_pdrop", shape.dropout)
      .entry("embd_pdrop", shape.dropout)
      .entry("attn_pdrop", shape.dropout)
      .entry("scale_attn_weights", true);
}

/// Of LLaMA's kind: tanh GELU under the name that is PyTorch's own; GPT-2's files have the older
/// one.
std::string activation_name(Activation activation) {
  return activation == Activation::gelu_tanh ? "gelu_pytorch_tanh"
                                             : enum_name(kHuggingFaceActivations, activation);
}

/// transformers 4 reads rope_theta, 5 rope_parameters.
void write_rope(JsonWriter& json, double theta) {
  json.entry("rope_theta", theta)
      .key("rope_parameters")
      .begin_object()
      .entry("rope_type", "default")
      .entry("rope_theta", theta)
      .end_object();
}

void write_biases(JsonWriter& json, const ModelShape& shape, ForeignFamily family) {
  if (family == ForeignFamily::qwen2) return;  // has those of queries, keys and values always
  json.entry("attention_bias", shape.qkv_bias || shape.attention_out_bias);
  if (family == ForeignFamily::llama) json.entry("mlp_bias", shape.ffn_bias);
}

void write_llama(JsonWriter& json, const ModelShape& shape, ForeignFamily family) {
  json.entry("num_hidden_layers", shape.n_layer)
      .entry("hidden_size", shape.d_model)
      .entry("num_attention_heads", shape.n_head)
      .entry("num_key_value_heads", shape.n_kv_head)
      .entry("head_dim", shape.d_head)
      .entry("intermediate_size", shape.d_ff)
      .entry("max_position_embeddings", shape.max_seq_len)
      .entry("hidden_act", activation_name(shape.activation))
      .entry("rms_norm_eps", shape.norm_eps)
      .entry("attention_dropout", shape.dropout);
  write_rope(json, shape.rope_theta);
  write_biases(json, shape, family);
  if (family != ForeignFamily::llama) json.entry("use_sliding_window", false);
}

constexpr const char* kPartialRotary = "partial_rotary_factor";

/// Refuses values that make the model compute what ours do not.
class ForeignKeys {
 public:
  explicit ForeignKeys(const ConfigNode& root) : map_(root) {}

  void must_be(const std::string& key, bool value, const std::string& what) {
    const std::optional<ConfigNode> node = map_.find_node(key);
    if (node && node->as<bool>() != value) refuse(*node, what);
  }
  /// RoPE of the plain kind on whole heads: rope_type "default", or no map at all.
  void must_be_plain_rope(const std::string& key) {
    const std::optional<ConfigNode> node = map_.find_node(key);
    if (!node) return;
    ForeignKeys rope(*node);
    for (const char* const name : {"rope_type", "type"})
      if (const auto type = rope.map_.find_node(name); type && type->text() != "default")
        refuse(*type, "scaled rotary positions");
    rope.must_be_whole(kPartialRotary);
  }
  void must_be_whole(const std::string& key) {
    const std::optional<ConfigNode> node = map_.find_node(key);
    if (node && node->as<double>() != 1) refuse(*node, "partly rotary heads");
  }
  /// Mistral's configuration class has windows of 4096 where the key is absent.
  void must_reach(const std::string& key, int64_t max_seq_len, int64_t fallback) {
    const bool is_off = has_null(key);
    const std::optional<ConfigNode> node = map_.find_node(key);
    if (is_off || (node ? node->as<int64_t>() : fallback) >= max_seq_len) return;
    (node ? *node : map_.node())
        .fail(fmt::format("attention within {} of {} tokens, which no model here has", key,
                          max_seq_len),
              "set max_position_embeddings to the window to use the model up to there");
  }

 private:
  bool has_null(const std::string& key) const {
    for (const auto& [name, node] : map_.node().entries())
      if (name == key) return node.is_null();
    return false;
  }
  [[noreturn]] static void refuse(const ConfigNode& node, const std::string& what) {
    node.fail(what + ", which no model here has", "this model cannot be imported");
  }
  MapReader map_;
};

constexpr int64_t kMistralWindow = 4096;

void check_computation(const ConfigNode& root, const std::string& model_type,
                       const ModelShape& shape) {
  ForeignKeys keys(root);
  if (model_type == "gpt2") {
    keys.must_be("scale_attn_weights", true, "attention that is not scaled");
    keys.must_be("scale_attn_by_inverse_layer_idx", false, "attention scaled by layer");
    keys.must_be("add_cross_attention", false, "cross-attention");
    return;
  }
  keys.must_be_plain_rope("rope_scaling");
  keys.must_be_plain_rope("rope_parameters");
  keys.must_be_whole(kPartialRotary);
  keys.must_be("use_sliding_window", false, "attention within windows");
  if (model_type == "mistral") keys.must_reach("sliding_window", shape.max_seq_len, kMistralWindow);
}

ForeignFamily family_of(const ConfigNode& model_type) {
  const std::string word = model_type.text();
  if (word == "mistral") return ForeignFamily::llama;
  for (const ForeignFamilyRow& row : kForeignFamilies)
    if (row.model_type == word) return row.value;
  model_type.fail("must be one of gpt2, llama, mistral, qwen2, qwen3",
                  "weights of other families cannot be imported");
}

}  // namespace

std::string foreign_config_json(const ModelShape& shape, ForeignFamily family,
                                const ForeignConfigDetails& details) {
  JsonWriter json;
  json.begin_object()
      .key("architectures")
      .begin_array()
      .value(row_of(family).architecture)
      .end_array()
      .entry("model_type", row_of(family).model_type)
      .entry("vocab_size", details.vocab_size);
  if (family == ForeignFamily::gpt2)
    write_gpt2(json, shape);
  else
    write_llama(json, shape, family);
  json.entry("tie_word_embeddings", shape.tied_embeddings)
      .entry("initializer_range", shape.init_std)
      .entry("bos_token_id", details.eot_token)
      .entry("eos_token_id", details.eot_token)
      .entry("torch_dtype", torch_dtype(details.dtype));
  return json.end_object().text();
}

ForeignModel read_foreign_model(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kForeignConfigName;
  if (!std::filesystem::exists(path))
    throw FileError(fmt::format(
        "{}: is not there; name a folder that transformers' save_pretrained wrote, or a download "
        "of one",
        path.string()));
  const ConfigNode root = ConfigNode::load(path);
  const ConfigNode model_type = MapReader(root).required_node("model_type");
  ForeignModel model{.family = family_of(model_type)};
  model.shape = read_hugging_face_model(root);
  check_computation(root, model_type.text(), model.shape);
  require_trainable(model.shape);
  return model;
}

}  // namespace isoflop
