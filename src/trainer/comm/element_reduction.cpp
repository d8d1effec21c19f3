// SPDX-License-Identifier: MIT
#include "trainer/comm/element_reduction.hpp"

#include "core/base/error.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace isoflop {
namespace {

struct Sum {
  template <typename T>
  T operator()(T a, T b) const {
    return a + b;
  }
};

struct Max {
  template <typename T>
  T operator()(T a, T b) const {
    return std::max(a, b);
  }
};

template <typename T, typename Op>
void reduce_elements(void* out, const void* a, const void* b, int64_t n) {
  auto* const result = static_cast<T*>(out);
  const auto* const left = static_cast<const T*>(a);
  const auto* const right = static_cast<const T*>(b);
  for (int64_t i = 0; i < n; ++i) result[i] = Op()(left[i], right[i]);
}

template <typename T>
ElementReduction reduction_of(ReduceOp op) {
  return op == ReduceOp::sum ? reduce_elements<T, Sum> : reduce_elements<T, Max>;
}

}  // namespace

ElementReduction element_reduction(DType dtype, ReduceOp op) {
  switch (dtype) {
    case DType::f64:
      return reduction_of<double>(op);
    case DType::f32:
      return reduction_of<float>(op);
    case DType::i64:
      return reduction_of<int64_t>(op);
    case DType::i32:
      return reduction_of<int32_t>(op);
    case DType::bf16:
    case DType::f16:
      break;
  }
  throw ConfigError(
      fmt::format("reduction of '{}' over TCP (not a type to accumulate in); reduce "
                  "in f32",
                  to_string(dtype)));
}

}  // namespace isoflop
