// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/convert.hpp"

#include "trainer/backend/cpu/vectorise.hpp"
#include "trainer/tensor/bf16.hpp"
#include "trainer/tensor/f16.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <stdexcept>

namespace isoflop {
namespace {

ISOFLOP_VECTORISE void widen_bf16(float* out, const Bf16* in, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = to_float(in[i]);
}

ISOFLOP_VECTORISE void widen_f16(float* out, const F16* in, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = to_float(in[i]);
}

ISOFLOP_VECTORISE void narrow_bf16(Bf16* out, const float* in, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = to_bf16(in[i]);
}

ISOFLOP_VECTORISE void narrow_f16(F16* out, const float* in, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = to_f16(in[i]);
}

[[noreturn]] void refuse(DType type) {
  throw std::logic_error(
      fmt::format("CPU conversion between f32 and {} is not defined", to_string(type)));
}

}  // namespace

void widen(float* out, const void* in, DType type, int64_t n) {
  if (type == DType::f32)
    std::copy_n(static_cast<const float*>(in), n, out);
  else if (type == DType::bf16)
    widen_bf16(out, static_cast<const Bf16*>(in), n);
  else if (type == DType::f16)
    widen_f16(out, static_cast<const F16*>(in), n);
  else
    refuse(type);
}

void narrow(void* out, DType type, const float* in, int64_t n) {
  if (type == DType::f32)
    std::copy_n(in, n, static_cast<float*>(out));
  else if (type == DType::bf16)
    narrow_bf16(static_cast<Bf16*>(out), in, n);
  else if (type == DType::f16)
    narrow_f16(static_cast<F16*>(out), in, n);
  else
    refuse(type);
}

const void* element(const void* data, DType type, int64_t index) {
  return static_cast<const std::byte*>(data) + index * size_of(type);
}

void* element(void* data, DType type, int64_t index) {
  return static_cast<std::byte*>(data) + index * size_of(type);
}

}  // namespace isoflop
