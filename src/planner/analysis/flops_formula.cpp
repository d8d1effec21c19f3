// SPDX-License-Identifier: MIT
#include "planner/analysis/flops_formula.hpp"

#include "core/base/error.hpp"
#include "core/base/suggest.hpp"
#include "core/model/architecture.hpp"
#include "core/model/param_count.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <vector>

namespace isoflop {
namespace {

double real(int64_t value) { return static_cast<double>(value); }

/// Formulas in H, d_ff and a have no letters for other shapes.
void require_plain(FlopsFormula formula, const ModelShape& shape) {
  if (!shape.moe && !shape.mla) return;
  throw ConfigError(
      fmt::format("--flops-formula is '{}' (it knows no {}); use causal, full-square or 6nd",
                  row_of(formula).name, shape.moe ? "experts" : "latent attention"));
}

/// The "academic" term of the scores: 2 a S H.
double scores_times_heads(const ModelShape& shape, int64_t seq_len) {
  return 2 * real(shape.n_head) * real(seq_len) * real(shape.d_model);
}

double academic(const ModelShape& shape, int64_t seq_len) {
  const double width = real(shape.d_model);
  return real(shape.n_layer) *
         (8 * width * width + scores_times_heads(shape, seq_len) + 4 * width * real(shape.d_ff));
}

double academic_12h2(const ModelShape& shape, int64_t seq_len) {
  const double width = real(shape.d_model);
  return real(shape.n_layer) * (12 * width * width + scores_times_heads(shape, seq_len));
}

/// karpathy/nanoGPT, model.py, estimate_mfu.
double nanogpt(const ModelShape& shape, int64_t seq_len) {
  const ParamCount params = count_params(shape);
  return 6 * real(params.active() - params.position_embedding) +
         12 * real(shape.n_layer) * real(shape.n_head * shape.d_head) * real(seq_len);
}

double standard_transformer(const ModelShape& shape) {
  const double width = real(shape.d_model);
  return 2 * real(shape.vocab_size) * width +
         real(shape.n_layer) * (4 * width * width + 2 * width * real(shape.d_ff) + 2 * width);
}

}  // namespace

const FlopsFormulaRow& row_of(FlopsFormula formula) {
  static_assert(rows_in_order(kFlopsFormulas));
  return kFlopsFormulas[static_cast<std::size_t>(formula)];
}

FlopsFormula parse_flops_formula(std::string_view name) {
  std::vector<std::string> names;
  for (const FlopsFormulaRow& row : kFlopsFormulas) {
    if (row.name == name) return row.value;
    names.emplace_back(row.name);
  }
  throw ConfigError(fmt::format("--flops-formula is '{}'{}; use {}", name,
                                did_you_mean(name, names), fmt::join(names, ", ")));
}

double formula_value(FlopsFormula formula, const ModelShape& shape, int64_t seq_len) {
  switch (formula) {
    case FlopsFormula::causal:
      return train_flops_per_token(shape, seq_len, AttentionFlops::causal);
    case FlopsFormula::full_square:
      return train_flops_per_token(shape, seq_len, AttentionFlops::full_square);
    case FlopsFormula::six_nd:
      return 6 * real(count_params(shape).active());
    case FlopsFormula::academic:
      require_plain(formula, shape);
      return academic(shape, seq_len);
    case FlopsFormula::academic_12h2:
      require_plain(formula, shape);
      return academic_12h2(shape, seq_len);
    case FlopsFormula::nanogpt:
      require_plain(formula, shape);
      return nanogpt(shape, seq_len);
    case FlopsFormula::standard_transformer:
      require_plain(formula, shape);
      return standard_transformer(shape);
  }
  return 0;
}

FlopsUnit unit_for(double flops) {
  if (flops >= 1e12) return {1e12, "TFLOP"};
  return flops >= 1e9 ? FlopsUnit{1e9, "GFLOP"} : FlopsUnit{1e6, "MFLOP"};
}

std::string format_flops(double flops) {
  const FlopsUnit unit = unit_for(flops);
  return fmt::format("{:.2f} {}", flops / unit.size, unit.name);
}

}  // namespace isoflop
