// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/flops.hpp"
#include "core/model/model_shape.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace isoflop {

/// Ways to count that are in circulation. causal is ours; the others are there to reproduce
/// published figures. H = d_model, a = n_head, S = seq_len, V = vocab_size.
enum class FlopsFormula {
  causal,
  full_square,
  academic,
  academic_12h2,
  nanogpt,
  six_nd,
  standard_transformer
};

/// What a formula's value stands for; FLOPs are of one token.
enum class FormulaCounts { forward_flops, training_flops, parameters };

struct FlopsFormulaRow {
  FlopsFormula value;
  std::string_view name;  ///< as --flops-formula takes it
  FormulaCounts counts;
  std::string_view formula;
  std::string_view remark;  ///< where it departs from the matrix products that are done
};

inline constexpr std::array kFlopsFormulas = {
    FlopsFormulaRow{FlopsFormula::causal, "causal", FormulaCounts::training_flops,
                    "3 x forward: matrix products, scores and values of the causal half",
                    "the default"},
    FlopsFormulaRow{FlopsFormula::full_square, "full-square", FormulaCounts::training_flops,
                    "3 x forward: matrix products, scores and values of the full square",
                    "as PaLM (arXiv:2204.02311, appendix B) and most published tables"},
    FlopsFormulaRow{FlopsFormula::academic, "academic", FormulaCounts::forward_flops,
                    "n_layer (8 H^2 + 2 a S H + 4 H d_ff)",
                    "not a FLOP count: scores times the number of heads, two FFN matrices, no "
                    "output projection, forward only"},
    FlopsFormulaRow{FlopsFormula::academic_12h2, "academic-12h2", FormulaCounts::forward_flops,
                    "n_layer (12 H^2 + 2 a S H)",
                    "not a FLOP count: scores times the number of heads, one FLOP a weight, no "
                    "output projection, forward only"},
    FlopsFormulaRow{FlopsFormula::nanogpt, "nanogpt", FormulaCounts::training_flops,
                    "6 N + 12 n_layer a d_head S, N without position embeddings",
                    "full square; counts the embedding look-up as a product where it is not tied"},
    FlopsFormulaRow{FlopsFormula::six_nd, "6nd", FormulaCounts::training_flops, "6 N (C = 6 N D)",
                    "no attention scores; all parameters as products"},
    FlopsFormulaRow{FlopsFormula::standard_transformer, "standard-transformer",
                    FormulaCounts::parameters, "2 V H + n_layer (4 H^2 + 2 H d_ff + 2 H)",
                    "parameters; two FFN matrices, multi-head attention, never tied"},
};

const FlopsFormulaRow& row_of(FlopsFormula formula);

/// Throws ConfigError with the nearest name.
FlopsFormula parse_flops_formula(std::string_view name);

/// A unit that keeps figures of a size readable: TFLOP, GFLOP or MFLOP.
struct FlopsUnit {
  double size;
  const char* name;
};
FlopsUnit unit_for(double flops);

/// "13.75 GFLOP".
std::string format_flops(double flops);

/// FLOPs of one token, or parameters, as the row says. N counts the experts that a token visits.
/// Throws ConfigError for a formula that knows neither experts nor latent attention where the model
/// has them.
double formula_value(FlopsFormula formula, const ModelShape& shape, int64_t seq_len);

}  // namespace isoflop
