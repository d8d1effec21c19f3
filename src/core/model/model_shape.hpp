// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace isoflop {

enum class NormKind { rmsnorm, layernorm, layernorm_nobias };
/// pre norms each sub-layer's input and the last residual; post norms the sum of sub-layer and
/// residual and has no final norm (Vaswani 2017).
enum class NormPosition { pre, post };
enum class Activation { gelu_tanh, gelu_erf, silu, relu, leaky_relu };
/// standard: down(act(up(x))); gated: down(act(gate(x)) * up(x)), SwiGLU when act is silu.
enum class FfnType { standard, gated };
enum class PositionEncoding { rope, learned_absolute, none };
/// manual keeps all scores (T x T a head), sdpa is the trainer's own tiled softmax of linear memory
/// (Dao et al., arXiv:2205.14135), flash_attn_2 the vendor's kernel on GPUs; automatic is the best
/// that the device has.
enum class AttentionBackend { automatic, flash_attn_2, sdpa, manual };

/// Mixture of experts in place of the FFN of every layer_step-th layer after the first
/// n_dense_layer.
struct MoeShape {
  int64_t n_routed_expert = 0;
  int64_t n_active_expert = 0;  ///< routed experts a token visits
  int64_t n_shared_expert = 0;  ///< experts every token visits
  int64_t d_ff_expert = 0;      ///< hidden width of one expert
  int64_t n_dense_layer = 0;    ///< leading layers that keep the dense FFN of width d_ff
  int64_t layer_step = 1;       ///< of the layers after them, the last of each so many has experts
  /// One bias per routed expert: of the router, or DeepSeek-V3's correction (counted as a
  /// parameter).
  bool router_bias = false;
  bool shared_expert_gate = false;  ///< a weight of the shared experts, one row (Qwen2-MoE)

  bool operator==(const MoeShape&) const = default;
};

/// Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434, section 2.1).
struct MlaShape {
  int64_t q_lora_rank = 0;  ///< 0: queries are projected directly
  int64_t kv_lora_rank = 0;
  int64_t qk_nope_head_dim = 0;
  int64_t qk_rope_head_dim = 0;
  int64_t v_head_dim = 0;

  bool operator==(const MlaShape&) const = default;
};

/// Parts of published models that the trainer does not run; as they stand here, a model has none.
struct ForeignParts {
  int64_t norms_per_block =
      2;                     ///< 1: attention and FFN read the same norm; 4: outputs have one too
  bool norm_weights = true;  ///< false: norms scale by nothing (OLMo)
  bool embedding_norm = false;    ///< of the embedding, before the first block (BLOOM)
  bool own_qk_norms = false;      ///< qk_norm has weights of their own, no biases, for every head
  bool attention_sinks = false;   ///< a learned score beside the keys', one a head (gpt-oss)
  bool output_bias = false;       ///< of the output projection (GPT-J)
  int64_t n_unused_position = 0;  ///< rows of the position table that no token takes (OPT)
  std::optional<int64_t> d_embedding = {};  ///< width of tables, projected to d_model (OPT 350M)

  bool operator==(const ForeignParts&) const = default;
};

/// A decoder-only transformer. Everything that changes a parameter count, a FLOP count or an
/// activation's size is here.
struct ModelShape {
  std::string name;
  int64_t n_layer = 0;
  int64_t d_model = 0;
  int64_t n_head = 0;
  int64_t n_kv_head = 0;
  int64_t d_head = 0;  ///< qk_nope_head_dim + qk_rope_head_dim under latent attention
  int64_t d_ff = 0;
  int64_t vocab_size = 0;
  int64_t max_seq_len = 0;  ///< rows of a learned position table; the longest sequence otherwise
  NormKind norm = NormKind::rmsnorm;
  NormPosition norm_position = NormPosition::pre;
  FfnType ffn = FfnType::gated;
  Activation activation = Activation::silu;
  PositionEncoding position = PositionEncoding::rope;
  bool qkv_bias = false;
  bool attention_out_bias = false;
  bool ffn_bias = false;
  bool tied_embeddings = false;
  bool qk_norm = false;  ///< a norm of d_head on queries and keys
  AttentionBackend attention_backend = AttentionBackend::automatic;
  /// Refuse to run where attention_backend is not available instead of taking the next best.
  bool attention_strict = false;
  double rope_theta = 10000.0;
  double norm_eps = 1e-5;
  /// Probability that an element is dropped: of the embedding, of attention probabilities and of
  /// what attention and FFN add to the residual stream (GPT-2).
  double dropout = 0;
  /// Coefficient of the squared log of softmax's denominator, added to the loss that is minimised
  /// (PaLM, arXiv:2204.02311, section 5: 1e-4).
  double z_loss = 0;
  double init_std = 0.02;  ///< of the normal distribution that matrices and tables start from
  /// Matrices that write to the residual stream start with init_std / sqrt(2 n_layer).
  bool depth_scaled_init = true;
  std::optional<MoeShape> moe;
  std::optional<MlaShape> mla;
  int64_t n_mtp_layer = 0;  ///< multi-token-prediction layers, counted apart (DeepSeek-V3)
  ForeignParts foreign;     ///< our own files cannot have any
  /// What a published model has that no field says and that changes no parameter count: "a parallel
  /// residual". Empty for most; the trainer refuses such models, and our own files cannot have it.
  std::string counted_only_for = {};

  /// Width of packed queries, keys and values of one token: (n_head + 2 n_kv_head) d_head.
  int64_t qkv_width() const { return (n_head + 2 * n_kv_head) * d_head; }
  /// Rows of the first FFN matrix: 2 d_ff when gate and up are packed, else d_ff.
  int64_t ffn_in_width() const;
  bool norm_has_bias() const;
  int64_t n_moe_layer() const { return moe ? (n_layer - moe->n_dense_layer) / moe->layer_step : 0; }
  /// Norms of d_model elements: those of the blocks, of the embedding and before the output.
  int64_t n_norm() const;
  /// Columns of the embedding table and of the output projection.
  int64_t table_width() const { return foreign.d_embedding.value_or(d_model); }

  bool operator==(const ModelShape&) const = default;
};

/// The first thing that is wrong with a shape.
struct ShapeProblem {
  std::string field;  ///< as in ModelShape: "n_head", "moe.n_active_expert"
  std::string value;
  std::string reason;
  std::string remedy;
};

/// A dimension that is not positive, n_head not a multiple of n_kv_head, an odd d_head with RoPE,
/// inconsistent experts or latent attention, or sizes whose product leaves 64-bit integers.
std::optional<ShapeProblem> find_problem(const ModelShape& shape);

/// Throws ConfigError with the problem that find_problem finds. `where` opens the message
/// ("model.yaml").
void validate(const ModelShape& shape, const std::string& where);

/// "12L-12H-768D-RoPE-RMS-SwiGLU-PreNorm": what tables print; GQA adds "-4KV", norms on queries and
/// keys "-QKNorm", latent attention "-MLA", experts "-8x2E" (routed x active).
std::string short_name(const ModelShape& shape);

}  // namespace isoflop
