// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"

#include <array>
#include <span>
#include <string_view>

/// What the kinds of components are: one row a kind. Configuration words, short names, parameter
/// and FLOP counts, the memory model and the kernels read these rows, so that a new kind is an
/// enumerator, a row here and (for a new formula) one file; see CONTRIBUTING.md.
namespace isoflop {

struct NormRow {
  NormKind value;
  std::string_view name;   ///< in configuration files
  std::string_view label;  ///< in short names
  bool centred;            ///< subtracts the mean, so that backward needs mean and rstd
  bool has_bias;
  int flops;  ///< operations an element
  /// fp32 values a row saves for backward: rstd, or mean and rstd.
  int stats_width() const { return centred ? 2 : 1; }
};

inline constexpr std::array kNormRows = {
    NormRow{NormKind::rmsnorm, "rmsnorm", "RMS", false, false, 4},
    NormRow{NormKind::layernorm, "layernorm", "LN", true, true, 7},
    NormRow{NormKind::layernorm_nobias, "layernorm_nobias", "LN-NB", true, false, 7},
};

struct NormPositionRow {
  NormPosition value;
  std::string_view name;
  std::string_view label;
};

inline constexpr std::array kNormPositionRows = {
    NormPositionRow{NormPosition::pre, "pre", "PreNorm"},
    NormPositionRow{NormPosition::post, "post", "PostNorm"},
};

struct ActivationRow {
  Activation value;
  std::string_view name;
  std::string_view label;        ///< of a standard FFN with it
  std::string_view gated_label;  ///< of a gated one
  int flops;  ///< operations a hidden unit; exp, tanh, erf and divisions count as one each
};

/// GPT-2's GELU is the tanh form (Radford et al. 2019), which short names therefore call GELU.
inline constexpr std::array kActivationRows = {
    ActivationRow{Activation::gelu_tanh, "gelu_tanh", "GELU", "GEGLU", 9},
    ActivationRow{Activation::gelu_erf, "gelu_erf", "GELUerf", "GEGLUerf", 5},
    ActivationRow{Activation::silu, "silu", "SiLU", "SwiGLU", 4},
    ActivationRow{Activation::relu, "relu", "ReLU", "ReGLU", 1},
    ActivationRow{Activation::leaky_relu, "leaky_relu", "LeakyReLU", "LeakyReGLU", 2},
};

struct PositionRow {
  PositionEncoding value;
  std::string_view name;
  std::string_view label;
  bool has_table;  ///< max_seq_len rows of parameters, added to the embedding
  int flops;       ///< operations an element of queries and keys
};

inline constexpr std::array kPositionRows = {
    PositionRow{PositionEncoding::rope, "rope", "RoPE", false, 3},
    PositionRow{PositionEncoding::learned_absolute, "learned_absolute", "AbsPos", true, 0},
    PositionRow{PositionEncoding::none, "none", "NoPos", false, 0},
};

struct FfnRow {
  FfnType value;
  std::string_view name;
  int n_matrix;  ///< of d_model x d_ff
  int in_parts;  ///< of d_ff columns that the first product makes: gate and up, or up
};

/// swiglu is the configuration's word for gated with silu.
inline constexpr std::array kFfnRows = {
    FfnRow{FfnType::standard, "standard", 2, 1},
    FfnRow{FfnType::gated, "gated", 3, 2},
};

struct AttentionBackendRow {
  AttentionBackend value;
  std::string_view name;
};

inline constexpr std::array kAttentionBackendRows = {
    AttentionBackendRow{AttentionBackend::automatic, "auto"},
    AttentionBackendRow{AttentionBackend::flash_attn_2, "flash_attn_2"},
    AttentionBackendRow{AttentionBackend::sdpa, "sdpa"},
    AttentionBackendRow{AttentionBackend::manual, "manual"},
};

/// Rows stand in the order of their enumerators (checked when this is compiled), so that a kind is
/// its row's index.
template <typename Row, std::size_t N>
constexpr bool rows_in_order(const std::array<Row, N>& rows) {
  for (std::size_t i = 0; i < N; ++i)
    if (static_cast<std::size_t>(rows[i].value) != i) return false;
  return true;
}
static_assert(rows_in_order(kNormRows) && rows_in_order(kNormPositionRows) &&
              rows_in_order(kActivationRows) && rows_in_order(kPositionRows) &&
              rows_in_order(kFfnRows) && rows_in_order(kAttentionBackendRows));

constexpr const NormRow& row_of(NormKind kind) { return kNormRows[static_cast<std::size_t>(kind)]; }
constexpr const NormPositionRow& row_of(NormPosition kind) {
  return kNormPositionRows[static_cast<std::size_t>(kind)];
}
constexpr const ActivationRow& row_of(Activation kind) {
  return kActivationRows[static_cast<std::size_t>(kind)];
}
constexpr const PositionRow& row_of(PositionEncoding kind) {
  return kPositionRows[static_cast<std::size_t>(kind)];
}
constexpr const FfnRow& row_of(FfnType kind) { return kFfnRows[static_cast<std::size_t>(kind)]; }
constexpr const AttentionBackendRow& row_of(AttentionBackend kind) {
  return kAttentionBackendRows[static_cast<std::size_t>(kind)];
}

/// A named choice of components: the values its keys take where the file leaves them out.
struct ModelPreset {
  std::string_view name;
  std::string_view what;  ///< one line for documents
  ModelShape defaults;    ///< kinds, flags and, where published, vocab_size and max_seq_len
};

/// gpt2, gpt2-postnorm, llama, team (the same as llama), hybrid, custom.
std::span<const ModelPreset> model_presets();

}  // namespace isoflop
