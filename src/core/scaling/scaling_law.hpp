// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace isoflop {

/// L = E + A / N^alpha + B / D^beta. Source: Hoffmann et al. 2022, arXiv:2203.15556.
struct ChinchillaForm {
  double E = 0, A = 0, B = 0, alpha = 0, beta = 0;
};

/// L = [(N_c / N)^(alpha_N / alpha_D) + D_c / D]^alpha_D.
/// Source: Kaplan et al. 2020, arXiv:2001.08361, equation 1.5.
struct KaplanForm {
  double N_c = 0, D_c = 0, alpha_N = 0, alpha_D = 0;
};

/// Covariance of (ln A, ln B, ln E, alpha, beta); symmetric.
using LawCovariance = std::array<std::array<double, 5>, 5>;

/// Closed range.
struct Range {
  double low = 0, high = 0;
  bool contains(double value) const { return value >= low && value <= high; }
};

/// 95 % interval of the best N at one compute budget.
struct ParamsInterval {
  double compute_flops = 0;
  Range interval;
};

/// What N of a law counts.
enum class CountedParams { total, non_embedding };

/// The tokenizer of a law's runs and the vocabularies of other subword tokenizers whose losses are
/// of the same kind; absent: no other tokenizer will do.
struct LawTokenizer {
  std::string name;
  int64_t vocab_size = 0;
  std::optional<Range> comparable_vocab_size;
};

/// A fitted loss surface and where it holds. Losses are in nats per token, compute is C = 6 N D.
struct ScalingLaw {
  std::string name;   ///< "besiroglu"
  std::string title;  ///< "Besiroglu et al. 2024"
  std::variant<ChinchillaForm, KaplanForm> form;
  std::optional<LawCovariance> covariance;  ///< Chinchilla form only
  /// Percentiles over the bootstrap resamples, by rising compute; may be empty.
  std::vector<ParamsInterval> optimal_params_95;
  CountedParams counted_params = CountedParams::total;
  LawTokenizer tokenizer;
  Range fitted_compute_flops;
  Range fitted_params;
  Range fitted_tokens;
  Range usable_compute_flops;  ///< contains fitted_compute_flops; no predictions beyond
  std::string source;
};

/// Loss in nats per token of n_params parameters (as the law counts them) after n_tokens tokens.
double loss(const ScalingLaw& law, double n_params, double n_tokens);

/// 95 % interval of the loss from the law's covariance, to first order (delta method): of the
/// fitted curve, not of single runs. Absent without covariance.
std::optional<Range> loss_interval_95(const ScalingLaw& law, double n_params, double n_tokens);

}  // namespace isoflop
