// SPDX-License-Identifier: MIT
#pragma once

#include "core/scaling/scaling_law.hpp"
#include "report/fit/parametric_fit.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace isoflop::fit {

/// The three of Hoffmann et al. 2022, arXiv:2203.15556, sections 3.1 to 3.3.
enum class Approach { envelope = 1, isoflop = 2, parametric = 3 };

/// What `report fit` is asked for, beside files and format.
struct FitOptions {
  std::optional<Approach> approach{};  ///< the only one; absent: all that the runs allow
  FitSettings settings{};
  bool with_partial = false;
  std::filesystem::path plot{};  ///< empty: none
  bool force = false;            ///< write a law that is not reliable, too
  CountedParams counted_params = CountedParams::total;
  std::string tokenizer{};  ///< of tables; run files name theirs
  int64_t vocab_size = 0;   ///< likewise
  double extrapolation =
      10;  ///< how far a law may be used beyond the compute of its runs, a factor
};

}  // namespace isoflop::fit
