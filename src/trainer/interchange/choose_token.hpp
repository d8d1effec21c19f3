// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>

namespace isoflop {

struct SamplingParams {
  double temperature = 1;  ///< logits are divided by it; 0: the largest is taken
  int64_t top_k = 0;       ///< only the k largest; 0: all
  /// Only the largest whose probabilities together reach top_p (Holtzman et al., arXiv:1904.09751).
  double top_p = 1;
};

/// The token whose part of [0, 1) `uniform` falls into, when tokens that may follow are laid side
/// by side, the most probable first. top_p counts what top_k has left. Of equal logits the lower id
/// comes first.
int32_t choose_token(std::span<const float> logits, const SamplingParams& params, double uniform);

/// A number in [0, 1) that depends on these three alone.
double sampling_number(uint64_t seed, int64_t sample, int64_t position);

}  // namespace isoflop
