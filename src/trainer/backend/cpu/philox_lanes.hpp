// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cpu/vectorise.hpp"

#include <cstdint>

namespace isoflop {

/// One lane's state of Philox4x32.
struct PhiloxLane {
  uint32_t c0, c1, c2, c3;
};

/// `kRounds` rounds of philox4x32 (trainer/tensor/philox.hpp) without loops or arrays, which
/// compilers turn into vector code in a `#pragma omp simd` loop over lanes.
template <int kRounds>
ISOFLOP_INLINE PhiloxLane philox_rounds(PhiloxLane c, uint32_t key0, uint32_t key1) {
  const uint64_t product0 = uint64_t{0xD2511F53} * c.c0;
  const uint64_t product1 = uint64_t{0xCD9E8D57} * c.c2;
  const PhiloxLane next = {
      static_cast<uint32_t>(product1 >> 32) ^ c.c1 ^ key0, static_cast<uint32_t>(product1),
      static_cast<uint32_t>(product0 >> 32) ^ c.c3 ^ key1, static_cast<uint32_t>(product0)};
  if constexpr (kRounds > 1)
    return philox_rounds<kRounds - 1>(next, key0 + 0x9E3779B9u, key1 + 0xBB67AE85u);
  else
    return next;
}

}  // namespace isoflop
