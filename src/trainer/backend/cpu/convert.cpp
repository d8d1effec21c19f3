// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/convert.hpp"

#include "trainer/backend/cpu/element.hpp"

#include <cstddef>

namespace isoflop {
namespace {

template <typename T>
ISOFLOP_VECTORISE void widen_all(float* out, const T* in, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = to_float(in[i]);
}

template <typename T>
ISOFLOP_VECTORISE void add_all(float* out, const T* in, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] += to_float(in[i]);
}

template <typename T>
ISOFLOP_VECTORISE void narrow_all(T* out, const float* in, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = from_float<T>(in[i]);
}

}  // namespace

void widen(float* out, const void* in, DType type, int64_t n) {
  with_element(type, [&]<typename T>() { widen_all(out, static_cast<const T*>(in), n); });
}

void add_widened(float* out, const void* in, DType type, int64_t n) {
  with_element(type, [&]<typename T>() { add_all(out, static_cast<const T*>(in), n); });
}

void narrow(void* out, DType type, const float* in, int64_t n) {
  with_element(type, [&]<typename T>() { narrow_all(static_cast<T*>(out), in, n); });
}

const void* element(const void* data, DType type, int64_t index) {
  return static_cast<const std::byte*>(data) + index * size_of(type);
}

void* element(void* data, DType type, int64_t index) {
  return static_cast<std::byte*>(data) + index * size_of(type);
}

}  // namespace isoflop
