// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cuda/element.cuh"
#include "trainer/backend/dropout.hpp"

#include <cuda_runtime.h>

#include <cstdint>

/// dropout_words() (trainer/backend/dropout.hpp) in kernels.
namespace isoflop::gpu {

/// Columns that share one call of dropout_words().
inline constexpr int kDropoutColumns = 4;

/// A Dropout as a kernel takes it; first_sample null: off.
struct DropoutMask {
  const int64_t* first_sample = nullptr;
  int64_t seq_len = 0;
  uint64_t seed = 0;
  uint32_t site = 0;
  uint32_t threshold = 0;
  float keep_scale = 1;

  __device__ bool is_on() const { return first_sample != nullptr; }

  /// What the kSize elements of a row of the micro batch from `column` (a multiple of kSize) on are
  /// multiplied by: 0 or 1 / (1 - rate). `lane` tells heads of attention apart.
  template <int kSize>
  __device__ Pack<kSize> factors(int64_t row, uint32_t lane, int64_t column) const {
    static_assert(kSize == 1 || kSize % kDropoutColumns == 0);
    Pack<kSize> result;
    for (int start = 0; start < kSize; start += kDropoutColumns) {
      const uint4 words =
          words_of(row, lane, static_cast<uint32_t>((column + start) / kDropoutColumns));
      if constexpr (kSize == 1) {
        result[0] = factor(word_of(words, static_cast<int>(column % kDropoutColumns)));
      } else {
        result[start] = factor(words.x);
        result[start + 1] = factor(words.y);
        result[start + 2] = factor(words.z);
        result[start + 3] = factor(words.w);
      }
    }
    return result;
  }

 private:
  /// Philox4x32-10, as trainer/tensor/philox.hpp.
  __device__ uint4 words_of(int64_t row, uint32_t lane, uint32_t column_block) const {
    const auto token = static_cast<uint64_t>(*first_sample * seq_len + row);
    uint4 c = {column_block, static_cast<uint32_t>(token), static_cast<uint32_t>(token >> 32),
               site << 16 | lane};
    auto key0 = static_cast<uint32_t>(seed), key1 = static_cast<uint32_t>(seed >> 32);
    // All ten at once would take more registers than tiled attention leaves on sm_100a.
#pragma unroll 5
    for (int round = 0; round < 10; ++round) {
      const uint64_t product0 = uint64_t{0xD2511F53} * c.x, product1 = uint64_t{0xCD9E8D57} * c.z;
      c = {static_cast<uint32_t>(product1 >> 32) ^ c.y ^ key0, static_cast<uint32_t>(product1),
           static_cast<uint32_t>(product0 >> 32) ^ c.w ^ key1, static_cast<uint32_t>(product0)};
      key0 += 0x9E3779B9;
      key1 += 0xBB67AE85;
    }
    return c;
  }

  /// Selections: an index that is no constant would put the words into local memory.
  __device__ static uint32_t word_of(const uint4& words, int i) {
    const uint32_t low = i == 0 ? words.x : words.y, high = i == 2 ? words.z : words.w;
    return i < 2 ? low : high;
  }

  __device__ float factor(uint32_t word) const { return word < threshold ? 0.0f : keep_scale; }
};

inline DropoutMask dropout_mask(const Dropout& dropout) {
  if (!dropout) return {};
  return {.first_sample = dropout.first_sample.as<int64_t>(),
          .seq_len = dropout.seq_len,
          .seed = dropout.seed,
          .site = dropout.site,
          .threshold = dropout.threshold(),
          .keep_scale = static_cast<float>(dropout.keep_scale())};
}

}  // namespace isoflop::gpu
