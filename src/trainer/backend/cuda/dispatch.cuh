// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cuda/element.cuh"
#include "trainer/tensor/tensor_view.hpp"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>

/// From values known at a call to template parameters of kernels.
namespace isoflop::gpu {

/// Calls f.template operator()<T>() with the kernel's element type of `dtype`: float,
/// __nv_bfloat16 or __half.
template <typename F>
void with_dtype(DType dtype, F&& f) {
  if (dtype == DType::f32)
    f.template operator()<float>();
  else if (dtype == DType::bf16)
    f.template operator()<__nv_bfloat16>();
  else if (dtype == DType::f16)
    f.template operator()<__half>();
  else
    throw std::logic_error("a CUDA kernel for " + std::string(to_string(dtype)) +
                           " is not defined");
}

/// Whether every pack of kPack elements within rows of `columns` starts on a 16-byte boundary in
/// all tensors; those left out do not count.
template <int kPack>
bool rows_are_aligned(int64_t columns, std::initializer_list<TensorView> tensors) {
  if (columns % kPack != 0) return false;
  for (const TensorView& tensor : tensors)
    if (reinterpret_cast<std::uintptr_t>(tensor.data) % kPackBytes != 0) return false;
  return true;
}

/// Calls f.template operator()<T, kPack>() with the element type of `dtype` and the elements to
/// take at once: 16 bytes of `dtype` where `columns` and `tensors` allow it, else one. `tensors`
/// may hold other types than `dtype` whose elements are not smaller.
template <typename F>
void with_pack(DType dtype, int64_t columns, std::initializer_list<TensorView> tensors, F&& f) {
  with_dtype(dtype, [&]<typename T>() {
    if (rows_are_aligned<kPackSize<T>>(columns, tensors))
      f.template operator()<T, kPackSize<T>>();
    else
      f.template operator()<T, 1>();
  });
}

}  // namespace isoflop::gpu
