// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/tensor/dtype.hpp"

#include <bit>
#include <cstdint>

namespace isoflop {

/// A brain float as stored: the upper half of an IEEE single.
struct Bf16 {
  uint16_t bits = 0;
};

template <>
constexpr DType dtype_of<Bf16>() {
  return DType::bf16;
}

constexpr float to_float(Bf16 value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value.bits) << 16);
}

/// Rounds to nearest, ties to even; NaN stays NaN (quiet), overflow becomes infinity. The selection
/// is between 32-bit summands, so that vector code narrows once.
constexpr Bf16 to_bf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t half_and_tie = 0x7fffu + ((bits >> 16) & 1u);
  const uint32_t quiet_bit = ~bits & 0x00400000u;
  return {static_cast<uint16_t>((bits + (value != value ? quiet_bit : half_and_tie)) >> 16)};
}

}  // namespace isoflop
