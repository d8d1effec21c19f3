// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cpu/vectorise.hpp"
#include "trainer/tensor/bf16.hpp"
#include "trainer/tensor/dtype.hpp"
#include "trainer/tensor/f16.hpp"

#include <stdexcept>
#include <string>

/// Elements in memory (float, Bf16 or F16) and in registers (always float): loops load with
/// to_float(), compute in f32 and round once, to nearest, with from_float().
namespace isoflop {

ISOFLOP_INLINE float to_float(float value) { return value; }

template <typename T>
T from_float(float value);
template <>
ISOFLOP_INLINE float from_float<float>(float value) {
  return value;
}
template <>
ISOFLOP_INLINE Bf16 from_float<Bf16>(float value) {
  return to_bf16(value);
}
template <>
ISOFLOP_INLINE F16 from_float<F16>(float value) {
  return to_f16(value);
}

/// Calls f.template operator()<T>() with the element type of `dtype`; throws std::logic_error when
/// it is not a compute dtype.
template <typename F>
decltype(auto) with_element(DType dtype, F&& f) {
  if (dtype == DType::f32) return f.template operator()<float>();
  if (dtype == DType::bf16) return f.template operator()<Bf16>();
  if (dtype == DType::f16) return f.template operator()<F16>();
  throw std::logic_error("a CPU kernel for " + std::string(to_string(dtype)) + " is not defined");
}

}  // namespace isoflop
