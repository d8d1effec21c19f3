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

/// What one shard holds of a matrix.
struct MatrixPiece {
  int64_t shard_offset = 0;   ///< elements from the start of the unit's shard
  int64_t matrix_offset = 0;  ///< elements from the start of the matrix
  int64_t size = 0;
  bool operator==(const MatrixPiece&) const = default;
};

/// Absent when the shard holds nothing of it.
std::optional<MatrixPiece> piece_of(const FlatLayout& layout, const FlatMatrix& matrix,
                                    int64_t shard);

}  // namespace isoflop
