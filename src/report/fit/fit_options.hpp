// SPDX-License-Identifier: MIT
#pragma once

#include "core/scaling/scaling_law.hpp"
#include "report/fit/parametric_fit.hpp"

#include <string>

namespace isoflop::fit {

/// What `report fit` is asked for, beside files and format.
struct FitOptions {
  FitSettings settings{};
  bool with_partial = false;
  bool force = false;  ///< write a law that is not reliable, too
  CountedParams counted_params = CountedParams::total;
  std::string tokenizer{};  ///< of tables; run files name theirs
  int64_t vocab_size = 0;   ///< likewise
  double extrapolation =
      10;  ///< how far a law may be used beyond the compute of its runs, a factor
};

}  // namespace isoflop::fit
