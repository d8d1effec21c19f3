// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace isoflop {

/// What a parameter tensor is; decides weight decay (matrices only).
enum class ParameterKind { embedding, matrix, vector };

/// How a parameter starts. residual_normal is normal with its deviation divided by sqrt(2 n_layer):
/// the matrices that write to the residual stream (GPT-2, Radford et al. 2019, section 2.3).
enum class ParameterInit { normal, residual_normal, ones, zeros };

/// One parameter tensor. Matrices are (out, in), row-major: y = x W^T.
struct ParameterTensor {
  std::string name;  ///< unique in the model: "block.3.attention.qkv.weight"
  std::vector<int64_t> shape;
  ParameterKind kind = ParameterKind::matrix;
  ParameterInit init = ParameterInit::normal;
  /// Rows of each hidden matrix in it, one under the other (queries, keys and values; gate and up):
  /// what Muon updates by itself. Empty for vectors, embeddings and the output matrix.
  std::vector<int64_t> hidden_rows = {};

  int64_t size() const {
    int64_t product = 1;
    for (const int64_t extent : shape) product *= extent;
    return product;
  }
};

/// Parameters that are gathered, released and reduced together.
struct ParameterUnit {
  std::string name;  ///< "embedding", "block.0" ..., "head"
  std::vector<ParameterTensor> tensors;
};

/// What the trainer cannot run of a shape, the first of it: experts, latent attention, multi-token
/// prediction, foreign parts, what counted_only_for says. Empty where it can run all.
std::string untrainable_part(const ModelShape& shape);

/// Throws ConfigError naming untrainable_part, where there is one.
void require_trainable(const ModelShape& shape);

/// Units in forward order: embedding, one per block, head (final norm unless norms are post, output
/// matrix unless tied; no head where neither is left). Tensor order within a block: norm1, qkv, q
/// norm and k norm (of d_head, with qk_norm), attention output, norm2, ffn in (gate rows first,
/// then up rows, when gated), ffn out; each weight before its bias. Throws ConfigError as
/// require_trainable does.
std::vector<ParameterUnit> parameter_units(const ModelShape& shape);

}  // namespace isoflop
