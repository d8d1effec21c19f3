// SPDX-License-Identifier: MIT
#include "core/parallel/flat_matrices.hpp"

namespace isoflop {
namespace {

void add_matrices(std::vector<FlatMatrix>& matrices, int64_t unit, const FlatSegment& segment) {
  int64_t offset = segment.offset;
  for (const int64_t rows : segment.tensor.hidden_rows) {
    matrices.push_back(
        {.unit = unit, .offset = offset, .rows = rows, .cols = segment.tensor.shape[1]});
    offset += matrices.back().size();
  }
}

}  // namespace

std::vector<FlatMatrix> flat_matrices(const FlatLayout& layout) {
  std::vector<FlatMatrix> matrices;
  for (int64_t unit = 0; unit < std::ssize(layout.units); ++unit)
    for (const FlatSegment& segment : layout.units[static_cast<std::size_t>(unit)].segments)
      add_matrices(matrices, unit, segment);
  return matrices;
}

std::optional<RangePiece> piece_of(const FlatLayout& layout, const FlatMatrix& matrix,
                                   int64_t shard) {
  return piece_of_range(layout.units[static_cast<std::size_t>(matrix.unit)], layout.n_shard, shard,
                        matrix.offset, matrix.size());
}

}  // namespace isoflop
