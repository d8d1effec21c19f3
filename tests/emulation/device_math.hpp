// SPDX-License-Identifier: MIT
#pragma once

// The functions of CUDA's math library that the C library lacks, at least as exact.

#include <bit>
#include <math.h>
#include <numbers>
#include <type_traits>

inline double rsqrt(double x) { return 1.0 / sqrt(x); }
inline float rsqrtf(float x) { return static_cast<float>(rsqrt(static_cast<double>(x))); }

/// Sine and cosine of pi x. The multiple of a half is taken away first, which is exact.
inline void sincospi(double x, double* sine, double* cosine) {
  const double halves = rint(2.0 * x);
  const double angle = std::numbers::pi * (x - 0.5 * halves);
  const double s = sin(angle);
  const double c = cos(angle);
  const auto quadrant = static_cast<int>(halves - 4.0 * floor(0.25 * halves));
  const bool swaps = quadrant % 2 == 1;
  *sine = (quadrant >= 2 ? -1.0 : 1.0) * (swaps ? c : s);
  *cosine = (quadrant == 1 || quadrant == 2 ? -1.0 : 1.0) * (swaps ? s : c);
}
inline void sincospif(float x, float* sine, float* cosine) {
  double s = 0.0;
  double c = 0.0;
  sincospi(static_cast<double>(x), &s, &c);
  *sine = static_cast<float>(s);
  *cosine = static_cast<float>(c);
}

inline unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
inline float __uint_as_float(unsigned x) { return std::bit_cast<float>(x); }
inline int __float_as_int(float x) { return std::bit_cast<int>(x); }
inline float __int_as_float(int x) { return std::bit_cast<float>(x); }

/// For any two arithmetic types, by value, as CUDA's overloads.
template <typename A, typename B>
requires(std::is_arithmetic_v<A>&& std::is_arithmetic_v<B>) constexpr std::common_type_t<A, B> min(
    A a, B b) {
  using T = std::common_type_t<A, B>;
  return static_cast<T>(b) < static_cast<T>(a) ? static_cast<T>(b) : static_cast<T>(a);
}
template <typename A, typename B>
requires(std::is_arithmetic_v<A>&& std::is_arithmetic_v<B>) constexpr std::common_type_t<A, B> max(
    A a, B b) {
  using T = std::common_type_t<A, B>;
  return static_cast<T>(a) < static_cast<T>(b) ? static_cast<T>(b) : static_cast<T>(a);
}
