// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cuda/element.cuh"
#include "trainer/backend/cuda/grid.cuh"
#include "trainer/backend/cuda/launch.cuh"
#include "trainer/backend/cuda/reduce.cuh"
#include "trainer/backend/device.hpp"

#include <algorithm>
#include <cstdint>

/// Sums of values over the rows of a matrix, per column: each block sums a part of the rows of some
/// columns into scratch, then one thread per column adds up the parts in order. Both orders depend
/// on nothing but the matrix' size.
namespace isoflop::gpu {

/// Rows that a block sums.
inline int64_t rows_per_part(int64_t rows) {
  constexpr int64_t kMostParts = 64, kFewestRows = 64;
  return std::max(kFewestRows, n_parts(rows, kMostParts));
}
inline int64_t n_row_parts(int64_t rows) { return n_parts(rows, rows_per_part(rows)); }

/// The block's place: kWarps warps take rows in turn, the lanes of a warp one pack of columns each.
inline constexpr int kColumnWarps = kThreads / kWarpSize;

/// Columns of a block.
template <int kPack>
inline constexpr int kColumnTile = kWarpSize* kPack;

/// Of a kernel that calls sum_rows_of_part().
template <int kPack, int kSums>
LaunchShape column_sum_shape(const char* name, int64_t rows, int64_t columns, int64_t read_bytes) {
  const int64_t shared_floats = int64_t{kColumnWarps} * kSums * kColumnTile<kPack>;
  return {name,
          n_parts(columns, kColumnTile<kPack>),
          kThreads,
          shared_floats * static_cast<int64_t>(sizeof(float)),
          n_row_parts(rows),
          {read_bytes, kSums * n_row_parts(rows) * columns * static_cast<int64_t>(sizeof(float))}};
}

/// kSums packs of one row.
template <int kPack, int kSums>
struct ColumnValues {
  Pack<kPack> values[kSums];
};

/// Writes the sums of the block's part: partials (kSums, parts, columns) from values_at(row,
/// column), a ColumnValues of the pack that starts at `column`.
template <int kPack, int kSums, typename ValuesAt>
__device__ void sum_rows_of_part(float* partials, int64_t rows, int64_t per_part, int64_t columns,
                                 ValuesAt values_at) {
  constexpr int kTile = kColumnTile<kPack>;
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  const int warp = static_cast<int>(threadIdx.x) / kWarpSize;
  const int64_t first = static_cast<int64_t>(blockIdx.x) * kTile, column = first + lane * kPack;
  const int64_t begin = blockIdx.y * per_part;
  const int64_t end = begin + per_part < rows ? begin + per_part : rows;

  ColumnValues<kPack, kSums> sums = {};
  for (int64_t row = begin + warp; row < end && column < columns; row += kColumnWarps) {
    const ColumnValues<kPack, kSums> more = values_at(row, column);
    for (int s = 0; s < kSums; ++s)
      for (int i = 0; i < kPack; ++i) sums.values[s][i] += more.values[s][i];
  }

  float* const of_warps = dynamic_shared<float>();  // (kColumnWarps, kSums, kTile)
  for (int s = 0; s < kSums; ++s)
    for (int i = 0; i < kPack; ++i)
      of_warps[(warp * kSums + s) * kTile + lane * kPack + i] = sums.values[s][i];
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < kSums * kTile; i += kThreads) {
    if (first + i % kTile >= columns) continue;
    float sum = 0;
    for (int w = 0; w < kColumnWarps; ++w) sum += of_warps[w * kSums * kTile + i];
    partials[(i / kTile * static_cast<int64_t>(gridDim.y) + blockIdx.y) * columns + first +
             i % kTile] = sum;
  }
}

/// out (columns) += the sum of partials (parts, columns).
void add_partials(const Exec& exec, TensorView out, const float* partials, int64_t parts);

}  // namespace isoflop::gpu
