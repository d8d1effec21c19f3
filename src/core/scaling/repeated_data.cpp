// SPDX-License-Identifier: MIT
#include "core/scaling/repeated_data.hpp"

#include "core/base/check.hpp"

#include <cmath>

namespace isoflop {

double effective_tokens(const RepeatedData& repeated, double unique_tokens, double epochs) {
  ISOFLOP_CHECK(repeated.r_star > 0 && epochs >= 0);
  if (epochs <= 1) return unique_tokens * epochs;
  return unique_tokens * (1 - repeated.r_star * std::expm1(-(epochs - 1) / repeated.r_star));
}

}  // namespace isoflop
