// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/tensor/dtype.hpp"

#include <cstdint>

/// Loops over n elements on the calling thread, as vector code. Types are f32, bf16 and f16; others
/// throw std::logic_error.
namespace isoflop {

/// out = in as f32, exactly.
void widen(float* out, const void* in, DType type, int64_t n);
/// out += in as f32.
void add_widened(float* out, const void* in, DType type, int64_t n);
/// out = in rounded to `type`, to nearest, ties to even.
void narrow(void* out, DType type, const float* in, int64_t n);

/// The address of element `index`.
const void* element(const void* data, DType type, int64_t index);
void* element(void* data, DType type, int64_t index);

}  // namespace isoflop
