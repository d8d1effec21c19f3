// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/tensor/dtype.hpp"

#include <bit>
#include <cstdint>

namespace isoflop {

/// An IEEE half as stored: 5 bits of exponent, 10 of fraction.
struct F16 {
  uint16_t bits = 0;
};

template <>
constexpr DType dtype_of<F16>() {
  return DType::f16;
}

/// Exact. Branch-free selections, so that loops become vector code.
constexpr float to_float(F16 value) {
  const uint32_t sign = (value.bits & 0x8000u) << 16;
  const uint32_t magnitude = value.bits & 0x7fffu;
  // A denormal counts in units of 2^-24, the last place of a float in [0.5, 1).
  const uint32_t denormal =
      std::bit_cast<uint32_t>(std::bit_cast<float>(0x3f000000u | magnitude) - 0.5f);
  const uint32_t rebias = magnitude >= 0x7c00u ? 224u << 23 : 112u << 23;
  const uint32_t normal = (magnitude << 13) + rebias;
  return std::bit_cast<float>(sign | (magnitude < 0x0400u ? denormal : normal));
}

/// Rounds to nearest, ties to even; NaN stays NaN, 65520 and more becomes infinity.
constexpr F16 to_f16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t magnitude = bits & 0x7fffffffu;
  const uint32_t denormal =
      std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000u;
  const uint32_t normal = (magnitude - (112u << 23) + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  const uint32_t finite = magnitude < 0x38800000u ? denormal : normal;
  const uint32_t beyond = magnitude > 0x7f800000u ? 0x7e00u : 0x7c00u;
  return {
      static_cast<uint16_t>((bits >> 16 & 0x8000u) | (magnitude >= 0x47800000u ? beyond : finite))};
}

}  // namespace isoflop
