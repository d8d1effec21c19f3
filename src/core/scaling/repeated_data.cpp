// SPDX-License-Identifier: MIT
#include "core/scaling/repeated_data.hpp"

#include "core/base/check.hpp"

#include <cmath>

namespace isoflop {
namespace {

/// What `times` the amount `base` is worth when all beyond the first decays with constant `r`.
double decayed(double base, double times, double r) {
  if (times <= 1) return base * times;
  return base * (1 - r * std::expm1(-(times - 1) / r));
}

}  // namespace

double effective_tokens(const RepeatedData& repeated, double unique_tokens, double epochs) {
  ISOFLOP_CHECK(repeated.r_star > 0 && epochs >= 0);
  return decayed(unique_tokens, epochs, repeated.r_star);
}

double effective_params(const RepeatedData& repeated, double base_params, double n_params) {
  ISOFLOP_CHECK(base_params > 0);
  if (!repeated.r_star_params) return n_params;
  return decayed(base_params, n_params / base_params, *repeated.r_star_params);
}

}  // namespace isoflop
