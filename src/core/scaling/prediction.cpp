// SPDX-License-Identifier: MIT
#include "core/scaling/prediction.hpp"

#include "core/base/format.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

/// Byte-level tokens carry less than subwords, so that losses per token are not comparable.
constexpr const char* kByteTokenizer = "bytes";

std::optional<std::string> tokenizer_objection(const ScalingLaw& law, const TrainingPoint& point) {
  const LawTokenizer& fitted = law.tokenizer;
  if (point.tokenizer == fitted.name) return std::nullopt;
  if (point.tokenizer != kByteTokenizer && fitted.comparable_vocab_size &&
      fitted.comparable_vocab_size->contains(static_cast<double>(point.vocab_size)))
    return std::nullopt;
  return fmt::format(
      "{} is in nats per token of '{}' (vocabulary {}) and says nothing about '{}' ({})", law.title,
      fitted.name, fitted.vocab_size, point.tokenizer, point.vocab_size);
}

std::optional<std::string> tokenizer_warning(const ScalingLaw& law, const TrainingPoint& point) {
  if (point.tokenizer == law.tokenizer.name) return std::nullopt;
  return fmt::format("fitted with tokenizer '{}', yours is '{}': compare runs, not absolute losses",
                     law.tokenizer.name, point.tokenizer);
}

std::optional<std::string> outside(const ScalingLaw& law, const std::string& quantity, double value,
                                   const Range& fitted) {
  if (fitted.contains(value)) return std::nullopt;
  return fmt::format("{} = {} is outside the {} to {} that {} was fitted to", quantity,
                     format_scientific(value), format_scientific(fitted.low),
                     format_scientific(fitted.high), law.name);
}

}  // namespace

double counted_params(const ScalingLaw& law, const TrainingPoint& point) {
  return law.counted_params == CountedParams::total ? point.n_params : point.n_params_non_embedding;
}

bool in_fitted_range(const ScalingLaw& law, double compute_flops) {
  return law.fitted_compute_flops.contains(compute_flops);
}

std::optional<std::string> outside_fitted_range(const ScalingLaw& law, double compute_flops) {
  return outside(law, "compute", compute_flops, law.fitted_compute_flops);
}

std::variant<LossPrediction, NoPrediction> predict_loss(const ScalingLaw& law,
                                                        const TrainingPoint& point) {
  if (const auto objection = tokenizer_objection(law, point)) return NoPrediction{*objection};
  const double n_params = counted_params(law, point);
  const double compute = 6 * n_params * point.n_tokens;
  if (!law.usable_compute_flops.contains(compute))
    return NoPrediction{fmt::format("{}, and beyond its usable {} to {} FLOPs",
                                    outside_fitted_range(law, compute).value(),
                                    format_scientific(law.usable_compute_flops.low),
                                    format_scientific(law.usable_compute_flops.high))};
  const double n_tokens = point.effective_tokens.value_or(point.n_tokens);
  const double worth_params = point.effective_params.value_or(n_params);
  LossPrediction prediction = {
      loss(law, worth_params, n_tokens), loss_interval_95(law, worth_params, n_tokens), {}};
  for (const auto& warning :
       {outside_fitted_range(law, compute), outside(law, "N", n_params, law.fitted_params),
        outside(law, "D", point.n_tokens, law.fitted_tokens), tokenizer_warning(law, point)}) {
    if (warning) prediction.warnings.push_back(*warning);
  }
  return prediction;
}

}  // namespace isoflop
