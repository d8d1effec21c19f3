// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/check.hpp"
#include "trainer/tensor/dtype.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace isoflop {

inline constexpr int kMaxRank = 4;

/// Extents or strides, at most kMaxRank of them.
struct Extents {
  std::array<int64_t, kMaxRank> values{};
  int rank = 0;

  Extents() = default;
  Extents(std::initializer_list<int64_t> list) : rank(static_cast<int>(list.size())) {
    ISOFLOP_CHECK(rank <= kMaxRank);
    int i = 0;
    for (const int64_t value : list) values[static_cast<std::size_t>(i++)] = value;
  }
  int64_t operator[](int i) const { return values[static_cast<std::size_t>(i)]; }
  int64_t& operator[](int i) { return values[static_cast<std::size_t>(i)]; }
  int64_t product() const {
    int64_t result = 1;
    for (int i = 0; i < rank; ++i) result *= values[static_cast<std::size_t>(i)];
    return result;
  }
  friend bool operator==(const Extents&, const Extents&) = default;
};

/// Non-owning view of a tensor in device memory. A default-constructed view is "none" (an optional
/// operand left out).
struct TensorView {
  void* data = nullptr;
  DType dtype = DType::f32;
  Extents shape;
  Extents strides;               ///< in elements
  const float* scale = nullptr;  ///< device pointer to a dequantisation scale; reserved for fp8

  TensorView() = default;
  /// Contiguous, row-major.
  TensorView(void* memory, DType type, Extents extents)
      : data(memory), dtype(type), shape(extents), strides(extents) {
    int64_t stride = 1;
    for (int i = shape.rank - 1; i >= 0; --i) {
      strides[i] = stride;
      stride *= shape[i];
    }
  }

  explicit operator bool() const { return data != nullptr; }
  int64_t size() const { return shape.product(); }
  int64_t bytes() const { return size() * size_of(dtype); }
  int rank() const { return shape.rank; }
  int64_t extent(int i) const { return shape[i < 0 ? shape.rank + i : i]; }
  bool is_contiguous() const { return strides == TensorView(data, dtype, shape).strides; }

  /// Host pointer of a CPU tensor; T must match dtype.
  template <typename T>
  T* as() const {
    ISOFLOP_CHECK(dtype == dtype_of<T>());
    return static_cast<T*>(data);
  }
  /// The same elements under another shape; the view must be contiguous.
  TensorView reshaped(Extents extents) const {
    ISOFLOP_CHECK(extents.product() == size());
    return {data, dtype, extents};
  }
  /// Elements [begin, begin + count) of a flat buffer as a tensor of `extents`.
  TensorView flat_slice(int64_t begin, Extents extents) const {
    ISOFLOP_CHECK(begin >= 0 && begin + extents.product() <= size());
    return {static_cast<std::byte*>(data) + begin * size_of(dtype), dtype, extents};
  }
};

}  // namespace isoflop
