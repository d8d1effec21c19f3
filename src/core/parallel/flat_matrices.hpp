// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/flat_layout.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace isoflop {

/// A matrix that Muon updates, in the flat buffer of its unit: contiguous, row by row.
struct FlatMatrix {
  int64_t unit = 0;    ///< in FlatLayout::units
  int64_t offset = 0;  ///< elements from the start of the unit
  int64_t rows = 0;
  int64_t cols = 0;

  int64_t size() const { return rows * cols; }
  bool operator==(const FlatMatrix&) const = default;
};

/// The matrices of core/model/muon_matrices.hpp, in the same order.
std::vector<FlatMatrix> flat_matrices(const FlatLayout& layout);

/// What one shard holds of a matrix; absent when it holds nothing of it.
std::optional<RangePiece> piece_of(const FlatLayout& layout, const FlatMatrix& matrix,
                                   int64_t shard);

}  // namespace isoflop
