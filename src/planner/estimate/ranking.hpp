// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <span>

namespace isoflop {

/// Something predicted and measured; more is better.
struct Score {
  double predicted = 0;
  double measured = 0;
};

/// Spearman's rank correlation: Pearson's of the ranks, ties sharing their mean rank. Absent when
/// all predicted or all measured are equal. Source: Spearman 1904.
std::optional<double> rank_correlation(std::span<const Score> scores);

/// 1 - what the first of the best predicted reached / the best measured. `scores` must not be
/// empty.
double regret(std::span<const Score> scores);

}  // namespace isoflop
