// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/attention_layout.hpp"

namespace isoflop::attention {

std::optional<DropoutLane> dropout_lane(const AttentionParams& params, int64_t T, int64_t b,
                                        int64_t h) {
  if (!params.dropout) return std::nullopt;
  DropoutLane lane(params.dropout, static_cast<uint32_t>(h));
  lane.first_token += static_cast<uint64_t>(b * T);
  return lane;
}

}  // namespace isoflop::attention
