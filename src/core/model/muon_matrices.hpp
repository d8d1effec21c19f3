// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/parameter_list.hpp"

#include <cstdint>
#include <vector>

namespace isoflop {

/// A hidden matrix of a block: rows [first_row, first_row + rows) of a tensor.
struct MuonMatrix {
  int64_t unit = 0;    ///< in parameter_units()
  int64_t tensor = 0;  ///< in the unit's tensors
  int64_t first_row = 0;
  int64_t rows = 0;
  int64_t cols = 0;

  int64_t size() const { return rows * cols; }
  bool operator==(const MuonMatrix&) const = default;
};

/// What Muon updates, each by itself, in parameter order: queries, keys, values, attention output,
/// gate and up (or up), down of every block. AdamW updates embeddings, output matrix and vectors
/// (Jordan et al. 2024; Liu et al., arXiv:2502.16982). Throws as parameter_units().
std::vector<MuonMatrix> muon_matrices(const ModelShape& shape);

}  // namespace isoflop
