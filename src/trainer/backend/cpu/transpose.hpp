// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace isoflop {

/// A matrix of 4-byte elements to be transposed: out[column out_stride + row] = in[row in_stride +
/// column].
struct Transposition {
  uint32_t* out;
  int64_t out_stride;
  const uint32_t* in;
  int64_t in_stride;
  int64_t n_rows, n_columns;
};

/// On the calling thread, for matrices in cache.
void transpose(const Transposition& matrix);

}  // namespace isoflop
