// SPDX-License-Identifier: MIT
#include "core/model/model_shape.hpp"

#include "core/base/error.hpp"
#include "core/model/architecture.hpp"

#include <fmt/format.h>

#include <initializer_list>

namespace isoflop {
namespace {

using Problem = std::optional<ShapeProblem>;

/// Above this, byte counts (16 per parameter) could leave 64-bit integers.
constexpr double kMaxParameters = 1e15;

struct LowerBound {
  const char* field;
  int64_t value;
  int64_t minimum;
};

Problem check_bounds(std::initializer_list<LowerBound> bounds) {
  for (const LowerBound& bound : bounds) {
    if (bound.value >= bound.minimum) continue;
    return ShapeProblem{bound.field, fmt::format("{}", bound.value),
                        fmt::format("must be at least {}", bound.minimum), "set it"};
  }
  return std::nullopt;
}

Problem check_dimensions(const ModelShape& shape) {
  const bool has_dense_ffn =
      !shape.moe || shape.moe->n_dense_layer > 0 || shape.moe->layer_step > 1;
  return check_bounds({{"n_layer", shape.n_layer, 1},
                       {"d_model", shape.d_model, 1},
                       {"n_head", shape.n_head, 1},
                       {"n_kv_head", shape.n_kv_head, 1},
                       {"d_head", shape.d_head, 1},
                       {"d_ff", shape.d_ff, has_dense_ffn ? 1 : 0},
                       {"vocab_size", shape.vocab_size, 1},
                       {"max_seq_len", shape.max_seq_len, 1},
                       {"n_mtp_layer", shape.n_mtp_layer, 0}});
}

Problem check_heads(const ModelShape& shape) {
  if (shape.n_head % shape.n_kv_head != 0) {
    return ShapeProblem{"n_head", fmt::format("{}", shape.n_head),
                        fmt::format("must be a multiple of n_kv_head {}", shape.n_kv_head),
                        "change one of the two"};
  }
  if (shape.position == PositionEncoding::rope && !shape.mla && shape.d_head % 2 != 0) {
    return ShapeProblem{"d_head", fmt::format("{}", shape.d_head),
                        "must be even: rotary positions turn pairs of elements",
                        "choose an even d_head or another position encoding"};
  }
  return std::nullopt;
}

Problem check_constants(const ModelShape& shape) {
  if (!(shape.norm_eps > 0))
    return ShapeProblem{"norm_eps", fmt::format("{}", shape.norm_eps), "must be above zero",
                        "1e-5 is usual"};
  if (shape.position == PositionEncoding::rope && !(shape.rope_theta > 0))
    return ShapeProblem{"rope_theta", fmt::format("{}", shape.rope_theta), "must be above zero",
                        "10000 is usual"};
  if (!(shape.dropout >= 0 && shape.dropout < 1))
    return ShapeProblem{"dropout", fmt::format("{}", shape.dropout),
                        "must be at least 0 and below 1", "0.1 is usual, 0 turns it off"};
  if (!(shape.z_loss >= 0))
    return ShapeProblem{"z_loss", fmt::format("{}", shape.z_loss), "must not be negative",
                        "1e-4 is usual, 0 turns it off"};
  if (!(shape.init_std > 0))
    return ShapeProblem{"init_std", fmt::format("{}", shape.init_std), "must be above zero",
                        "0.02 is usual"};
  return std::nullopt;
}

Problem check_experts(const ModelShape& shape) {
  if (!shape.moe) return std::nullopt;
  const MoeShape& moe = *shape.moe;
  if (Problem problem = check_bounds({{"moe.n_routed_expert", moe.n_routed_expert, 1},
                                      {"moe.n_active_expert", moe.n_active_expert, 1},
                                      {"moe.n_shared_expert", moe.n_shared_expert, 0},
                                      {"moe.d_ff_expert", moe.d_ff_expert, 1},
                                      {"moe.n_dense_layer", moe.n_dense_layer, 0},
                                      {"moe.layer_step", moe.layer_step, 1}}))
    return problem;
  if (moe.shared_expert_gate && moe.n_shared_expert == 0)
    return ShapeProblem{"moe.shared_expert_gate", "true", "there is no shared expert",
                        "leave it out, or set n_shared_expert"};
  if (moe.n_active_expert > moe.n_routed_expert) {
    return ShapeProblem{"moe.n_active_expert", fmt::format("{}", moe.n_active_expert),
                        fmt::format("there are {} routed experts", moe.n_routed_expert),
                        "lower it or add experts"};
  }
  if (moe.n_dense_layer >= shape.n_layer) {
    return ShapeProblem{"moe.n_dense_layer", fmt::format("{}", moe.n_dense_layer),
                        fmt::format("leaves none of the {} layers to experts", shape.n_layer),
                        "lower it or leave out moe"};
  }
  if (moe.layer_step > shape.n_layer - moe.n_dense_layer) {
    return ShapeProblem{"moe.layer_step", fmt::format("{}", moe.layer_step),
                        fmt::format("leaves none of the {} layers to experts", shape.n_layer),
                        "lower it or leave out moe"};
  }
  return std::nullopt;
}

Problem check_latent_attention(const ModelShape& shape) {
  if (!shape.mla) return std::nullopt;
  const MlaShape& mla = *shape.mla;
  if (Problem problem = check_bounds({{"mla.q_lora_rank", mla.q_lora_rank, 0},
                                      {"mla.kv_lora_rank", mla.kv_lora_rank, 1},
                                      {"mla.qk_nope_head_dim", mla.qk_nope_head_dim, 1},
                                      {"mla.qk_rope_head_dim", mla.qk_rope_head_dim, 1},
                                      {"mla.v_head_dim", mla.v_head_dim, 1}}))
    return problem;
  if (mla.qk_rope_head_dim % 2 != 0)
    return ShapeProblem{"mla.qk_rope_head_dim", fmt::format("{}", mla.qk_rope_head_dim),
                        "must be even: rotary positions turn pairs of elements",
                        "choose an even one"};
  if (shape.d_head != mla.qk_nope_head_dim + mla.qk_rope_head_dim)
    return ShapeProblem{"d_head", fmt::format("{}", shape.d_head),
                        "must be qk_nope_head_dim + qk_rope_head_dim under latent attention",
                        "leave it out"};
  if (shape.qk_norm)
    return ShapeProblem{"qk_norm", "true", "latent attention has norms of its own", "leave it out"};
  return std::nullopt;
}

/// Those that a file can get wrong.
Problem check_foreign_parts(const ModelShape& shape) {
  return check_bounds({{"d_embedding", shape.table_width(), 1}});
}

/// An upper estimate of the parameters, in floating point so that it cannot overflow.
double parameter_bound(const ModelShape& shape) {
  const auto real = [](int64_t value) { return static_cast<double>(value); };
  const double d_model = real(shape.d_model);
  const double heads = real(shape.n_head) * real(shape.d_head);
  double widths = 4 * heads + 3 * real(shape.d_ff);
  if (shape.moe) {
    const MoeShape& moe = *shape.moe;
    const double n_expert = real(moe.n_routed_expert) + real(moe.n_shared_expert);
    widths += n_expert * (3 * real(moe.d_ff_expert) + 1);
  }
  double latent = 0;
  if (shape.mla) {
    const MlaShape& mla = *shape.mla;
    const double rank = real(mla.q_lora_rank) + real(mla.kv_lora_rank);
    const double v_heads = real(shape.n_head) * real(mla.v_head_dim);
    widths += rank + v_heads;
    latent = rank * (heads + v_heads);
  }
  return (real(shape.n_layer) + real(shape.n_mtp_layer)) *
             (d_model * (widths + 2 * d_model) + latent) +
         (d_model + real(shape.table_width())) * (2 * real(shape.vocab_size)) +
         d_model * real(shape.max_seq_len);
}

Problem check_magnitude(const ModelShape& shape) {
  const double bound = parameter_bound(shape);
  if (bound <= kMaxParameters) return std::nullopt;
  return ShapeProblem{"d_model", fmt::format("{}", shape.d_model),
                      fmt::format("the model would have some {:.0e} parameters", bound),
                      "check the sizes"};
}

}  // namespace

int64_t ModelShape::ffn_in_width() const { return row_of(ffn).in_parts * d_ff; }
bool ModelShape::norm_has_bias() const { return row_of(norm).has_bias; }
int64_t ModelShape::n_norm() const {
  return foreign.norms_per_block * n_layer + (norm_position == NormPosition::pre ? 1 : 0) +
         (foreign.embedding_norm ? 1 : 0);
}

std::optional<ShapeProblem> find_problem(const ModelShape& shape) {
  // In this order: later checks divide by what earlier ones found positive.
  for (const auto check : {check_dimensions, check_heads, check_constants, check_experts,
                           check_latent_attention, check_foreign_parts, check_magnitude}) {
    if (Problem problem = check(shape)) return problem;
  }
  return std::nullopt;
}

void validate(const ModelShape& shape, const std::string& where) {
  const Problem problem = find_problem(shape);
  if (!problem) return;
  throw ConfigError(fmt::format("{}: {} is '{}' ({}); {}", where, problem->field, problem->value,
                                problem->reason, problem->remedy));
}

std::string short_name(const ModelShape& shape) {
  const ActivationRow& activation = row_of(shape.activation);
  std::string name =
      fmt::format("{}L-{}H-{}D-{}-{}-{}-{}", shape.n_layer, shape.n_head, shape.d_model,
                  row_of(shape.position).label, row_of(shape.norm).label,
                  shape.ffn == FfnType::gated ? activation.gated_label : activation.label,
                  row_of(shape.norm_position).label);
  if (shape.n_kv_head != shape.n_head) name += fmt::format("-{}KV", shape.n_kv_head);
  if (shape.qk_norm) name += "-QKNorm";
  if (shape.mla) name += "-MLA";
  if (shape.moe)
    name += fmt::format("-{}x{}E", shape.moe->n_routed_expert, shape.moe->n_active_expert);
  return name;
}

}  // namespace isoflop
