// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace isoflop {

/// Steps of a run, from 1.
struct StepRange {
  int64_t first = 0;
  int64_t last = 0;

  bool operator==(const StepRange&) const = default;
};

/// Which steps of which ranks to trace.
struct ProfileRequest {
  std::optional<StepRange> range = std::nullopt;  ///< else the n_steps behind the warm-up
  int64_t n_steps = 0;
  int64_t n_ranks = 8;  ///< the first so many

  /// The steps of a start whose first step is `first_step`: two are left to warm up.
  StepRange steps(int64_t first_step) const;

  bool operator==(const ProfileRequest&) const = default;
};

/// "5": five steps; "10:15": those from 10 to 15, both included; at most 1,000. Throws ConfigError.
ProfileRequest parse_profile_steps(const std::string& text);

}  // namespace isoflop
