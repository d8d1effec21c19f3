// SPDX-License-Identifier: MIT
#include "trainer/interchange/foreign_family.hpp"

#include "core/base/error.hpp"
#include "core/model/architecture.hpp"
#include "core/model/parameter_list.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

/// A key of the model file that does not fit, and what would.
struct Misfit {
  std::string key;
  std::string value;
  std::string needed;
};

using Verdict = std::optional<Misfit>;

template <typename Kind>
Verdict unless(Kind found, Kind needed, const char* key) {
  if (found == needed) return std::nullopt;
  return Misfit{key, std::string(row_of(found).name), std::string(row_of(needed).name)};
}

Verdict unless_false(bool found, const char* key) {
  if (!found) return std::nullopt;
  return Misfit{key, "true", "false"};
}

Verdict unless_equal(int64_t found, int64_t needed, const char* key, const char* what) {
  if (found == needed) return std::nullopt;
  return Misfit{key, fmt::format("{}", found), fmt::format("{} ({})", needed, what)};
}

Verdict first_of(std::initializer_list<Verdict> verdicts) {
  for (const Verdict& verdict : verdicts)
    if (verdict) return verdict;
  return std::nullopt;
}

/// Norms without biases and missing biases of products are biases of zero.
Verdict misfit_of_gpt2(const ModelShape& shape) {
  const bool centred = row_of(shape.norm).centred;
  return first_of({
      unless(shape.norm_position, NormPosition::pre, "norm_position"),
      centred ? std::nullopt : unless(shape.norm, NormKind::layernorm, "normalization"),
      unless(shape.ffn, FfnType::standard, "ffn_type"),
      unless_false(shape.qk_norm, "qk_norm"),
      unless_equal(shape.n_kv_head, shape.n_head, "n_kv_head", "n_head"),
      unless_equal(shape.n_head * shape.d_head, shape.d_model, "n_head x d_head", "d_model"),
  });
}

Verdict misfit_of_llama(const ModelShape& shape) {
  return first_of({
      unless(shape.norm_position, NormPosition::pre, "norm_position"),
      unless(shape.norm, NormKind::rmsnorm, "normalization"),
      unless(shape.ffn, FfnType::gated, "ffn_type"),
      unless_false(shape.qk_norm && shape.ffn_bias, "ffn_bias"),
  });
}

ForeignFamily kind_of_llama(const ModelShape& shape) {
  if (shape.qk_norm) return ForeignFamily::qwen3;
  const bool like_qwen2 = shape.qkv_bias && !shape.attention_out_bias && !shape.ffn_bias;
  return like_qwen2 ? ForeignFamily::qwen2 : ForeignFamily::llama;
}

[[noreturn]] void refuse(const Misfit& misfit, const std::string& beside,
                         const std::string& where) {
  throw ConfigError(fmt::format(
      "{}: model.{} is '{}' (transformers' models {} have {}); no model of transformers "
      "computes this one",
      where, misfit.key, misfit.value, beside, misfit.needed));
}

}  // namespace

const ForeignFamilyRow& row_of(ForeignFamily family) {
  return kForeignFamilies[static_cast<std::size_t>(family)];
}

ForeignFamily foreign_family(const ModelShape& shape, const std::string& where) {
  require_trainable(shape);
  switch (shape.position) {
    case PositionEncoding::learned_absolute:
      if (const Verdict misfit = misfit_of_gpt2(shape))
        refuse(*misfit, "with learned positions (GPT-2)", where);
      return ForeignFamily::gpt2;
    case PositionEncoding::rope:
      if (const Verdict misfit = misfit_of_llama(shape))
        refuse(*misfit, "with RoPE (LLaMA, Qwen2, Qwen3)", where);
      return kind_of_llama(shape);
    case PositionEncoding::none:
      break;
  }
  refuse({"position_encoding", "none", "rope or learned_absolute"},
         "of the kinds of GPT-2 and LLaMA", where);
}

}  // namespace isoflop
