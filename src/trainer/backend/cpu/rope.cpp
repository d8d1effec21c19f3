// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/cpu/cpu_ops.hpp"
#include "trainer/backend/cpu/element.hpp"
#include "trainer/backend/cpu/parallel.hpp"
#include "trainer/backend/op_contracts.hpp"

namespace isoflop {
namespace {

/// Rotates the first `n_rotated` heads of one token; sign -1 is the inverse rotation.
template <typename T>
ISOFLOP_VECTORISE void rotate_token(T* token, const float* cosines, const float* sines, float sign,
                                    int64_t n_rotated, int64_t d_head) {
  const int64_t half = d_head / 2;
  for (int64_t h = 0; h < n_rotated; ++h) {
    T* const low = token + h * d_head;
    T* const high = low + half;
#pragma omp simd
    for (int64_t i = 0; i < half; ++i) {
      const float a = to_float(low[i]), b = to_float(high[i]);
      low[i] = from_float<T>(a * cosines[i] - sign * b * sines[i]);
      high[i] = from_float<T>(b * cosines[i] + sign * a * sines[i]);
    }
  }
}

}  // namespace

void CpuOps::rope(const Exec& exec, TensorView qkv, const AttentionShape& heads, double theta,
                  RopeDirection direction) {
  check_rope(qkv, heads);
  const RopeTable& table = rope_tables_.get(qkv.extent(1), heads.d_head, theta);
  as_cpu_device(exec.device).enqueue(exec.stream, [=, &table] {
    const int64_t T = qkv.extent(1), width = qkv.extent(2) * heads.d_head;
    const int64_t n_rotated = heads.n_head + heads.n_kv_head;
    const float sign = direction == RopeDirection::forward ? 1.0f : -1.0f;
    with_element(qkv.dtype, [&]<typename E>() {
      parallel_for(qkv.extent(0) * T, 1, qkv.size(), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          const int64_t offset = row % T * heads.d_head / 2;
          rotate_token(qkv.as<E>() + row * width, table.cosines.data() + offset,
                       table.sines.data() + offset, sign, n_rotated, heads.d_head);
        }
      });
    });
  });
}

}  // namespace isoflop
