// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/table/table.hpp"
#include "report/fit/frontier.hpp"
#include "report/fit/parametric_fit.hpp"

#include <optional>

namespace isoflop::fit {

/// What each approach says; absent where it was not asked for.
struct ExponentResults {
  std::optional<FrontierResult> envelope;
  std::optional<FrontierResult> isoflop;
  std::optional<SurfaceFit> parametric;
};

/// The exponents of the best N ~ C^a and D ~ C^b of each approach, with 95 % intervals; an approach
/// that the runs do not allow is named with the reason in the notes.
Table exponents_table(const ExponentResults& results);

/// The points a frontier was drawn through. `key`: "isoflop" or "envelope".
Table frontier_table(const FrontierFit& fit, const std::string& key, const std::string& title);

}  // namespace isoflop::fit
