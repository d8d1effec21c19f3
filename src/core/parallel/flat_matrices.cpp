// SPDX-License-Identifier: MIT
#include "core/parallel/flat_matrices.hpp"

#include <algorithm>

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

std::optional<MatrixPiece> piece_of(const FlatLayout& layout, const FlatMatrix& matrix,
                                    int64_t shard) {
  const int64_t shard_size =
      layout.units[static_cast<std::size_t>(matrix.unit)].shard_size(layout.n_shard);
  const int64_t shard_begin = shard * shard_size;
  const int64_t begin = std::max(matrix.offset, shard_begin);
  const int64_t end = std::min(matrix.offset + matrix.size(), shard_begin + shard_size);
  if (begin >= end) return std::nullopt;
  return MatrixPiece{.shard_offset = begin - shard_begin,
                     .matrix_offset = begin - matrix.offset,
                     .size = end - begin};
}

}  // namespace isoflop
