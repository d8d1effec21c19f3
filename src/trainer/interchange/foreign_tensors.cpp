// SPDX-License-Identifier: MIT
#include "trainer/interchange/foreign_tensors.hpp"

#include "core/model/architecture.hpp"
#include "core/model/parameter_list.hpp"

#include <fmt/format.h>

#include <map>
#include <utility>

namespace isoflop {
namespace {

int64_t product(const std::vector<int64_t>& extents) {
  int64_t result = 1;
  for (const int64_t extent : extents) result *= extent;
  return result;
}

/// Rows of a tensor of ours; all of them without `n`.
struct Rows {
  int64_t first = 0;
  std::optional<int64_t> n = std::nullopt;
};

/// Collects tensors, each from one of ours by name.
class ForeignList {
 public:
  explicit ForeignList(const ModelShape& shape) {
    int64_t number = 0;
    for (const ParameterUnit& unit : parameter_units(shape))
      for (const ParameterTensor& tensor : unit.tensors)
        ours_[tensor.name] = {number++, tensor.shape};
  }

  void rows(const std::string& name, const std::string& our_name, Rows rows = {}) {
    const auto& [number, our_shape] = ours_.at(our_name);
    std::vector<int64_t> shape = our_shape;
    shape[0] = rows.n.value_or(our_shape[0]);
    const int64_t row_elements = product(our_shape) / our_shape[0];
    tensors_.push_back({name, std::move(shape), number, rows.first * row_elements, false});
  }
  void transposed(const std::string& name, const std::string& our_name) {
    const auto& [number, our_shape] = ours_.at(our_name);
    tensors_.push_back({name, {our_shape[1], our_shape[0]}, number, 0, true});
  }
  /// Zeros where ours has none.
  void bias(const std::string& name, const std::string& our_name, int64_t size, Rows rows = {}) {
    if (ours_.contains(our_name))
      this->rows(name, our_name, rows);
    else
      tensors_.push_back({name, {size}, std::nullopt, 0, false});
  }
  std::vector<ForeignTensor> take() { return std::move(tensors_); }

 private:
  std::map<std::string, std::pair<int64_t, std::vector<int64_t>>> ours_;
  std::vector<ForeignTensor> tensors_;
};

void add_gpt2_norm(ForeignList& list, const std::string& name, const std::string& ours,
                   int64_t d_model) {
  list.rows(name + ".weight", ours + ".weight");
  list.bias(name + ".bias", ours + ".bias", d_model);
}

void add_conv1d(ForeignList& list, const std::string& name, const std::string& ours,
                int64_t width) {
  list.transposed(name + ".weight", ours + ".weight");
  list.bias(name + ".bias", ours + ".bias", width);
}

void add_gpt2_block(ForeignList& list, const ModelShape& shape, int64_t layer) {
  const std::string name = fmt::format("transformer.h.{}", layer);
  const std::string ours = fmt::format("block.{}", layer);
  add_gpt2_norm(list, name + ".ln_1", ours + ".norm1", shape.d_model);
  add_conv1d(list, name + ".attn.c_attn", ours + ".attention.qkv", shape.qkv_width());
  add_conv1d(list, name + ".attn.c_proj", ours + ".attention.out", shape.d_model);
  add_gpt2_norm(list, name + ".ln_2", ours + ".norm2", shape.d_model);
  add_conv1d(list, name + ".mlp.c_fc", ours + ".ffn.in", shape.d_ff);
  add_conv1d(list, name + ".mlp.c_proj", ours + ".ffn.out", shape.d_model);
}

void add_gpt2(ForeignList& list, const ModelShape& shape, int64_t vocab_size) {
  list.rows("transformer.wte.weight", "embedding.token.weight", {0, vocab_size});
  list.rows("transformer.wpe.weight", "embedding.position.weight");
  for (int64_t layer = 0; layer < shape.n_layer; ++layer) add_gpt2_block(list, shape, layer);
  add_gpt2_norm(list, "transformer.ln_f", "head.norm", shape.d_model);
}

/// Which products of a block have biases in a family's model; those that ours lacks are zero.
struct LinearBiases {
  bool qkv = false;
  bool attention_out = false;
  bool ffn = false;
};

LinearBiases linear_biases(const ModelShape& shape, ForeignFamily family) {
  if (family == ForeignFamily::qwen2) return {.qkv = true};
  const bool attention = shape.qkv_bias || shape.attention_out_bias;
  return {attention, attention, shape.ffn_bias};
}

void add_linear(ForeignList& list, const std::string& name, const std::string& ours, Rows rows,
                bool bias) {
  list.rows(name + ".weight", ours + ".weight", rows);
  if (bias) list.bias(name + ".bias", ours + ".bias", *rows.n, rows);
}

void add_llama_attention(ForeignList& list, const ModelShape& shape, const std::string& name,
                         const std::string& ours, const LinearBiases& biases) {
  const int64_t q = shape.n_head * shape.d_head;
  const int64_t kv = shape.n_kv_head * shape.d_head;
  add_linear(list, name + ".q_proj", ours + ".qkv", {0, q}, biases.qkv);
  add_linear(list, name + ".k_proj", ours + ".qkv", {q, kv}, biases.qkv);
  add_linear(list, name + ".v_proj", ours + ".qkv", {q + kv, kv}, biases.qkv);
  if (shape.qk_norm) {
    list.rows(name + ".q_norm.weight", ours + ".q_norm.weight");
    list.rows(name + ".k_norm.weight", ours + ".k_norm.weight");
  }
  add_linear(list, name + ".o_proj", ours + ".out", {0, shape.d_model}, biases.attention_out);
}

void add_llama_block(ForeignList& list, const ModelShape& shape, int64_t layer,
                     const LinearBiases& biases) {
  const std::string name = fmt::format("model.layers.{}", layer);
  const std::string ours = fmt::format("block.{}", layer);
  list.rows(name + ".input_layernorm.weight", ours + ".norm1.weight");
  add_llama_attention(list, shape, name + ".self_attn", ours + ".attention", biases);
  list.rows(name + ".post_attention_layernorm.weight", ours + ".norm2.weight");
  add_linear(list, name + ".mlp.gate_proj", ours + ".ffn.in", {0, shape.d_ff}, biases.ffn);
  add_linear(list, name + ".mlp.up_proj", ours + ".ffn.in", {shape.d_ff, shape.d_ff}, biases.ffn);
  add_linear(list, name + ".mlp.down_proj", ours + ".ffn.out", {0, shape.d_model}, biases.ffn);
}

void add_llama(ForeignList& list, const ModelShape& shape, int64_t vocab_size,
               const LinearBiases& biases) {
  list.rows("model.embed_tokens.weight", "embedding.token.weight", {0, vocab_size});
  for (int64_t layer = 0; layer < shape.n_layer; ++layer)
    add_llama_block(list, shape, layer, biases);
  list.rows("model.norm.weight", "head.norm.weight");
}

}  // namespace

int64_t ForeignTensor::size() const { return product(shape); }

std::vector<ForeignTensor> foreign_tensors(const ModelShape& shape, ForeignFamily family,
                                           int64_t vocab_size) {
  ForeignList list(shape);
  if (family == ForeignFamily::gpt2)
    add_gpt2(list, shape, vocab_size);
  else
    add_llama(list, shape, vocab_size, linear_biases(shape, family));
  if (!shape.tied_embeddings) list.rows("lm_head.weight", "head.output.weight", {0, vocab_size});
  return list.take();
}

std::string foreign_prefix(ForeignFamily family) {
  return family == ForeignFamily::gpt2 ? "transformer." : "model.";
}

}  // namespace isoflop
