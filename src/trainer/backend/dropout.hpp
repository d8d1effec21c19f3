// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/tensor/philox.hpp"
#include "trainer/tensor/tensor_view.hpp"

#include <array>
#include <cmath>
#include <cstdint>

namespace isoflop {

/// What is dropped: one site for every place in the model (trainer/model numbers them).
///
/// Whether an element is dropped is a function of (seed, site, token, column) alone, where tokens
/// are numbered over the whole run. A recomputed forward pass, the backward pass, another number of
/// ranks and a resumed run therefore find the same mask without storing it.
struct Dropout {
  double rate = 0;  ///< probability to drop; kept elements are divided by 1 - rate. 0: off
  uint64_t seed = 0;
  /// i64 (1) on the device: the number in the run of the micro batch's first sequence.
  TensorView first_sample = {};
  int64_t seq_len = 0;
  uint32_t site = 0;

  explicit operator bool() const { return rate > 0; }
  double keep_scale() const { return 1 / (1 - rate); }
  /// An element is dropped when its random word is below this.
  uint32_t threshold() const { return static_cast<uint32_t>(std::lround(rate * 4294967295.0)); }
  /// The number in the run of a micro batch's row 0.
  int64_t first_token(int64_t first_sample_number) const { return first_sample_number * seq_len; }
};

/// The random words of columns [4 column_block, 4 column_block + 4) of a token; `lane` tells heads
/// of attention apart (below 2^16, as sites are).
constexpr std::array<uint32_t, 4> dropout_words(uint64_t seed, uint32_t site, uint32_t lane,
                                                uint64_t token, uint32_t column_block) {
  return philox4x32({column_block, static_cast<uint32_t>(token), static_cast<uint32_t>(token >> 32),
                     site << 16 | lane},
                    {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
}

}  // namespace isoflop
