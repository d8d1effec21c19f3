// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cpu/convert.hpp"
#include "trainer/backend/cpu/dropout_factors.hpp"
#include "trainer/backend/ops.hpp"

#include <cmath>
#include <cstdint>
#include <optional>

/// Where the heads of packed queries, keys and values lie.
namespace isoflop::attention {

/// The vectors of one head in a packed tensor: row t begins at element t stride.
struct Head {
  void* data;
  DType dtype;
  int64_t stride;
  void* row(int64_t t) const { return element(data, dtype, t * stride); }
};

/// Where queries of head h, keys and values of head g begin in a row of packed qkv.
inline int64_t query_column(const AttentionShape& heads, int64_t h) { return h * heads.d_head; }
inline int64_t key_column(const AttentionShape& heads, int64_t g) {
  return (heads.n_head + g) * heads.d_head;
}
inline int64_t value_column(const AttentionShape& heads, int64_t g) {
  return (heads.n_head + heads.n_kv_head + g) * heads.d_head;
}

inline Head qkv_head(const TensorView& qkv, int64_t b, int64_t column) {
  return {element(qkv.data, qkv.dtype, b * qkv.strides[0] + column), qkv.dtype, qkv.strides[1]};
}

inline Head out_head(const TensorView& out, int64_t b, int64_t h) {
  return {element(out.data, out.dtype, b * out.strides[0] + h * out.strides[2]), out.dtype,
          out.strides[1]};
}

inline float* statistic_of(const TensorView& statistic, int64_t b, int64_t h) {
  return statistic.as<float>() + (b * statistic.extent(1) + h) * statistic.extent(2);
}

/// The first key that each query of sequence b sees.
class FirstKeys {
 public:
  FirstKeys(const TensorView& first_keys, int64_t b)
      : data_(first_keys ? first_keys.as<int32_t>() + b * first_keys.strides[0] : nullptr) {}
  int64_t of(int64_t query) const { return data_ == nullptr ? 0 : data_[query]; }

 private:
  const int32_t* data_;  // (T)
};

/// What scores are multiplied by.
inline float score_scale(int64_t d_head) { return 1.0f / std::sqrt(static_cast<float>(d_head)); }

/// Dropout of a sequence's head, whose row 0 is the sequence's first token; absent without dropout.
std::optional<DropoutLane> dropout_lane(const AttentionParams& params, int64_t T, int64_t b,
                                        int64_t h);

}  // namespace isoflop::attention
