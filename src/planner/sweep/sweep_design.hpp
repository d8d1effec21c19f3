// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/enum_names.hpp"

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace isoflop {

/// isoflop: sizes around the predicted optimum at each compute budget (approach 2 of Hoffmann et
/// al. 2022, arXiv:2203.15556); parametric: the predicted optimum of each budget trained on tokens
/// around its own (approach 3); grid: every size with every number of tokens (approach 3).
enum class SweepApproach { isoflop, parametric, grid };

inline constexpr std::array kSweepApproachNames = {
    EnumName{SweepApproach::isoflop, "isoflop"}, EnumName{SweepApproach::parametric, "parametric"},
    EnumName{SweepApproach::grid, "grid"}};

/// The form of the law that is fitted to a sweep: chinchilla has a loss that no size and no tokens
/// go below, which runs of little compute cannot tell; kaplan has none (report fit --form).
enum class SweepForm { chinchilla, kaplan };

inline constexpr std::array kSweepFormNames = {EnumName{SweepForm::chinchilla, "chinchilla"},
                                               EnumName{SweepForm::kaplan, "kaplan"}};

/// A configuration key and the values that an ablation gives it.
struct VariedKey {
  std::string key;
  std::vector<std::string> values;
};

/// What a sweep consists of, whatever it costs.
struct SweepSpec {
  SweepApproach approach = SweepApproach::isoflop;
  SweepForm form = SweepForm::chinchilla;
  int n_budgets = 3;
  double budget_factor = 4;  ///< between neighbouring budgets
  int n_sizes = 5;           ///< of each budget: sizes, or numbers of tokens
  double size_factor = 2;    ///< between neighbours
  int n_seeds = 1;
  /// Of the best model of each budget; absent: as the law or the rule says.
  std::optional<double> tokens_per_param = std::nullopt;
  /// Not empty: an ablation. One model at one budget, once for every combination of values.
  std::vector<VariedKey> vary;

  bool is_ablation() const { return !vary.empty(); }
};

/// One training before a shape and a job are found for it; seeds repeat it.
struct SweepPoint {
  int budget = 0;      ///< from 0, by rising compute
  double compute = 0;  ///< 6 N D aimed at
  double n_params = 0;
  double n_tokens = 0;
  bool fixed_tokens = false;  ///< D is kept whatever N a shape has; else 6 N D is
  std::vector<std::pair<std::string, std::string>> settings = {};  ///< of an ablation
};

/// The points of a sweep whose dearest budget is `top_compute`, by rising budget, then size.
/// `best_params` is the predicted optimum at a compute of 6 N D. Neighbours are equally spaced in
/// the logarithm.
std::vector<SweepPoint> design_points(const SweepSpec& spec, double top_compute,
                                      const std::function<double(double)>& best_params);

/// Every combination of the values, the last key changing fastest.
std::vector<std::vector<std::pair<std::string, std::string>>> combinations(
    const std::vector<VariedKey>& vary);

}  // namespace isoflop
