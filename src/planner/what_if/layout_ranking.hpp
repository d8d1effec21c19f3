// SPDX-License-Identifier: MIT
#pragma once

#include "planner/what_if/layout_pricing.hpp"
#include "planner/what_if/layout_space.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace isoflop {

/// Layouts that do not fit and have the same largest term.
struct MemoryRejection {
  int64_t layouts = 0;
  std::optional<PricedLayout> nearest;  ///< needs the least memory of them
};
/// By index into kMemoryTerms.
using MemoryRejections = std::array<MemoryRejection, kMemoryTerms.size()>;

/// What became of one split.
struct SplitOutcome {
  Split split;
  std::optional<SplitRule> broken;  ///< then nothing below is known
  int64_t priced = 0;
  int64_t fitting = 0;
  int64_t without_full_rounds = 0;    ///< interleaving that its micro batches do not allow
  std::vector<PricedLayout> fastest;  ///< of those that fit, at most as many as asked for
  MemoryRejections rejected;

  /// Of all that do not fit, the one that needs the least memory; null when all fit.
  const PricedLayout* nearest() const;
};

/// Every layout of the space, priced.
struct LayoutRanking {
  std::vector<SplitOutcome> splits;   ///< as all_splits lists them
  std::vector<PricedLayout> fastest;  ///< over all splits

  int64_t priced() const;
  int64_t fitting() const;
  int64_t without_full_rounds() const;
  /// Splits that have a layout which fits, the fastest first.
  std::vector<const SplitOutcome*> by_best() const;
};

struct RankingRequest {
  const LayoutJob& job;
  const MachineModel& machine;
  Precision precision = Precision::bf16;
  double usable_bytes = 0;  ///< of a device
  std::size_t top = 10;     ///< layouts to keep, of all and of each split
  int threads = 1;
};

/// Prices all layouts of all splits that break no rule: nothing is skipped. Faster first; of
/// equally fast ones the one that for_each_layout visits first. The result does not depend on
/// `threads`.
LayoutRanking rank_layouts(const RankingRequest& request);

}  // namespace isoflop
