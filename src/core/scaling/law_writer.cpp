// SPDX-License-Identifier: MIT
#include "core/scaling/law_writer.hpp"

#include "core/base/yaml_writer.hpp"

#include <vector>

namespace isoflop {
namespace {

void write_form(YamlWriter& yaml, const ChinchillaForm& form) {
  yaml.comment("L = E + A / N^alpha + B / D^beta").entry("form", "chinchilla");
  yaml.begin_map("coefficients")
      .entry("E", form.E)
      .entry("A", form.A)
      .entry("B", form.B)
      .entry("alpha", form.alpha)
      .entry("beta", form.beta)
      .end_map();
}

void write_form(YamlWriter& yaml, const KaplanForm& form) {
  yaml.comment("L = [(N_c / N)^(alpha_N / alpha_D) + D_c / D]^alpha_D").entry("form", "kaplan");
  yaml.begin_map("coefficients")
      .entry("N_c", form.N_c)
      .entry("D_c", form.D_c)
      .entry("alpha_N", form.alpha_N)
      .entry("alpha_D", form.alpha_D)
      .end_map();
}

void write_covariance(YamlWriter& yaml, const LawCovariance& covariance) {
  std::vector<std::vector<double>> triangle;
  for (std::size_t i = 0; i < covariance.size(); ++i)
    triangle.emplace_back(covariance[i].begin(),
                          covariance[i].begin() + static_cast<std::ptrdiff_t>(i) + 1);
  yaml.comment("of (ln A, ln B, ln E, alpha, beta), lower triangle").entry("covariance", triangle);
}

void write_params_intervals(YamlWriter& yaml, const std::vector<ParamsInterval>& intervals) {
  std::vector<std::vector<double>> rows;
  for (const ParamsInterval& row : intervals)
    rows.push_back({row.compute_flops, row.interval.low, row.interval.high});
  yaml.comment("rows [C, low, high]: 2.5 and 97.5 percent of the best N at compute C")
      .entry("optimal_params_95", rows);
}

std::vector<double> ends(const Range& range) { return {range.low, range.high}; }

void write_tokenizer(YamlWriter& yaml, const LawTokenizer& tokenizer) {
  yaml.begin_map("tokenizer")
      .entry("name", tokenizer.name)
      .entry("vocab_size", tokenizer.vocab_size);
  if (tokenizer.comparable_vocab_size)
    yaml.entry("comparable_vocab_size", ends(*tokenizer.comparable_vocab_size));
  yaml.end_map();
}

}  // namespace

std::string law_document(const ScalingLaw& law) {
  YamlWriter yaml;
  yaml.comment(
      "A scaling law in the form of data/scaling_laws.yaml, which explains the keys.\n"
      "Losses in nats per token, N in parameters, D in tokens, C = 6 N D in FLOPs.");
  yaml.entry("default", law.name).begin_map("laws").begin_map(law.name).entry("title", law.title);
  std::visit([&](const auto& form) { write_form(yaml, form); }, law.form);
  if (law.covariance) write_covariance(yaml, *law.covariance);
  if (!law.optimal_params_95.empty()) write_params_intervals(yaml, law.optimal_params_95);
  yaml.comment("what N counts")
      .entry("params", law.counted_params == CountedParams::total ? "total" : "non_embedding");
  write_tokenizer(yaml, law.tokenizer);
  yaml.begin_map("fitted")
      .entry("compute_flops", ends(law.fitted_compute_flops))
      .entry("params", ends(law.fitted_params))
      .entry("tokens", ends(law.fitted_tokens))
      .end_map();
  yaml.entry("usable_compute_flops", ends(law.usable_compute_flops));
  yaml.entry("source", law.source).end_map().end_map();
  return yaml.text();
}

}  // namespace isoflop
