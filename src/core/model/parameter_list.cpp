// SPDX-License-Identifier: MIT
#include "core/model/parameter_list.hpp"

#include "core/base/error.hpp"
#include "core/model/architecture.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <numeric>
#include <utility>

namespace isoflop {
namespace {

/// Collects the tensors of one unit; names are prefixed with the unit's.
class UnitBuilder {
 public:
  explicit UnitBuilder(std::string name) { unit_.name = std::move(name); }

  void table(const std::string& name, int64_t rows, int64_t width) {
    add(name + ".weight", {rows, width}, ParameterKind::embedding, ParameterInit::normal);
  }
  void output_matrix(const std::string& name, int64_t out, int64_t in) {
    add(name + ".weight", {out, in}, ParameterKind::matrix, ParameterInit::normal);
  }
  /// Matrices of `rows` rows each, under each other.
  void linear(const std::string& name, std::vector<int64_t> rows, int64_t in, bool bias,
              ParameterInit init = ParameterInit::normal) {
    const int64_t out = std::accumulate(rows.begin(), rows.end(), int64_t{0});
    add(name + ".weight", {out, in}, ParameterKind::matrix, init);
    unit_.tensors.back().hidden_rows = std::move(rows);
    if (bias) add(name + ".bias", {out}, ParameterKind::vector, ParameterInit::zeros);
  }
  void norm(const std::string& name, const ModelShape& shape, int64_t width) {
    add(name + ".weight", {width}, ParameterKind::vector, ParameterInit::ones);
    if (shape.norm_has_bias())
      add(name + ".bias", {width}, ParameterKind::vector, ParameterInit::zeros);
  }
  bool empty() const { return unit_.tensors.empty(); }
  ParameterUnit take() { return std::move(unit_); }

 private:
  void add(const std::string& name, std::vector<int64_t> extents, ParameterKind kind,
           ParameterInit init) {
    unit_.tensors.push_back(
        {.name = unit_.name + "." + name, .shape = std::move(extents), .kind = kind, .init = init});
  }
  ParameterUnit unit_;
};

UnitBuilder embedding_unit(const ModelShape& shape) {
  UnitBuilder unit("embedding");
  unit.table("token", shape.vocab_size, shape.d_model);
  if (row_of(shape.position).has_table) unit.table("position", shape.max_seq_len, shape.d_model);
  return unit;
}

std::vector<int64_t> qkv_rows(const ModelShape& shape) {
  const int64_t kv_rows = shape.n_kv_head * shape.d_head;
  return {shape.n_head * shape.d_head, kv_rows, kv_rows};
}

std::vector<int64_t> ffn_in_rows(const ModelShape& shape) {
  return std::vector<int64_t>(static_cast<std::size_t>(row_of(shape.ffn).in_parts), shape.d_ff);
}

UnitBuilder block_unit(const ModelShape& shape, int64_t layer) {
  const ParameterInit to_residual =
      shape.depth_scaled_init ? ParameterInit::residual_normal : ParameterInit::normal;
  UnitBuilder unit(fmt::format("block.{}", layer));
  unit.norm("norm1", shape, shape.d_model);
  unit.linear("attention.qkv", qkv_rows(shape), shape.d_model, shape.qkv_bias);
  if (shape.qk_norm) {
    unit.norm("attention.q_norm", shape, shape.d_head);
    unit.norm("attention.k_norm", shape, shape.d_head);
  }
  unit.linear("attention.out", {shape.d_model}, shape.n_head * shape.d_head,
              shape.attention_out_bias, to_residual);
  unit.norm("norm2", shape, shape.d_model);
  unit.linear("ffn.in", ffn_in_rows(shape), shape.d_model, shape.ffn_bias);
  unit.linear("ffn.out", {shape.d_model}, shape.d_ff, shape.ffn_bias, to_residual);
  return unit;
}

UnitBuilder head_unit(const ModelShape& shape) {
  UnitBuilder unit("head");
  if (shape.norm_position == NormPosition::pre) unit.norm("norm", shape, shape.d_model);
  if (!shape.tied_embeddings) unit.output_matrix("output", shape.vocab_size, shape.d_model);
  return unit;
}

/// "one norm a block"; empty where there is none.
std::string foreign_part(const ForeignParts& parts) {
  const ForeignParts usual;
  if (parts.norms_per_block != usual.norms_per_block)
    return parts.norms_per_block == 1 ? "one norm a block"
                                      : fmt::format("{} norms a block", parts.norms_per_block);
  if (!parts.norm_weights) return "norms without weights";
  if (parts.embedding_norm) return "a norm of the embedding";
  if (parts.own_qk_norms) return "norms of queries and keys with weights for every head";
  if (parts.attention_sinks) return "attention sinks";
  if (parts.output_bias) return "a bias of the output projection";
  if (parts.n_unused_position > 0) return "positions that start above zero";
  if (parts.d_embedding) return "an embedding narrower than the model";
  return "";
}

}  // namespace

std::string untrainable_part(const ModelShape& shape) {
  if (!shape.counted_only_for.empty()) return shape.counted_only_for;
  if (shape.moe) return "mixture of experts";
  if (shape.mla) return "latent attention";
  if (shape.n_mtp_layer > 0) return "multi-token prediction";
  return foreign_part(shape.foreign);
}

void require_trainable(const ModelShape& shape) {
  const std::string part = untrainable_part(shape);
  if (part.empty()) return;
  throw ConfigError(
      fmt::format("model '{}' has {} (the trainer does not run it); choose a dense decoder",
                  shape.name.empty() ? short_name(shape) : shape.name, part));
}

std::vector<ParameterUnit> parameter_units(const ModelShape& shape) {
  require_trainable(shape);
  std::vector<ParameterUnit> units;
  units.push_back(embedding_unit(shape).take());
  for (int64_t layer = 0; layer < shape.n_layer; ++layer)
    units.push_back(block_unit(shape, layer).take());
  if (UnitBuilder head = head_unit(shape); !head.empty()) units.push_back(head.take());
  return units;
}

}  // namespace isoflop
