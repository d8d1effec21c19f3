// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cpu/vectorise.hpp"

#include <bit>
#include <cstdint>

/// Branch-free f32 functions that compilers turn into vector code. Errors are maxima over the
/// stated range, checked by tests/trainer/backend/cpu/vector_math_test.cpp.
namespace isoflop {

/// e^x, relative error 2e-7 for -87.3 <= x <= 88.3; 0 below (no denormal results, which are slow on
/// some processors), e^88.3 = 2.2e38 above, NaN stays NaN. Cody-Waite reduction and the polynomial
/// of expf in Cephes (S. Moshier, netlib.org/cephes).
ISOFLOP_INLINE float vector_exp(float x) {
  constexpr float kSmallest = -87.3f, kLargest = 88.3f;
  constexpr float kRound = 12582912.0f;  // 1.5 x 2^23: adding it leaves the nearest integer
  float y = x < kSmallest ? kSmallest : x;
  y = y > kLargest ? kLargest : y;
  const float shifted = y * 1.44269504f + kRound;
  const float n = shifted - kRound;
  const float r = (y - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const uint32_t exponent = (std::bit_cast<uint32_t>(shifted) + 127u) << 23;
  return x < kSmallest ? 0.0f : p * std::bit_cast<float>(exponent);
}

/// 1 / (1 + e^-x), relative error 4e-7 for x >= -87.
ISOFLOP_INLINE float vector_sigmoid(float x) { return 1.0f / (1.0f + vector_exp(-x)); }

/// The normal distribution function erfc(-x/sqrt(2))/2, absolute error 2e-7, relative error 1e-5
/// for x >= -9 (most of it the rounding of x^2/2). Polynomial of erfcc, Press et al., Numerical
/// Recipes, section 6.2 (1.2e-7).
ISOFLOP_INLINE float vector_normal_cdf(float x) {
  const float z = (x < 0.0f ? -x : x) * 0.7071067812f;
  const float t = 1.0f / (1.0f + 0.5f * z);
  float p = 0.17087277f;
  p = p * t - 0.82215223f;
  p = p * t + 1.48851587f;
  p = p * t - 1.13520398f;
  p = p * t + 0.27886807f;
  p = p * t - 0.18628806f;
  p = p * t + 0.09678418f;
  p = p * t + 0.37409196f;
  p = p * t + 1.00002368f;
  p = p * t - 1.26551223f;
  const float tail = 0.5f * t * vector_exp(p - z * z);
  return x < 0.0f ? tail : 1.0f - tail;
}

}  // namespace isoflop
