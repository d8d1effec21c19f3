// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/attention_rows.hpp"
#include "trainer/backend/cuda/cuda_device.hpp"
#include "trainer/backend/cuda/dispatch.cuh"
#include "trainer/backend/cuda/dropout.cuh"
#include "trainer/backend/cuda/element.cuh"
#include "trainer/backend/cuda/grid.cuh"
#include "trainer/backend/cuda/launch.cuh"
#include "trainer/backend/cuda/reduce.cuh"

#include <cfloat>
#include <cmath>

namespace isoflop::manual_attention {
namespace {

using namespace gpu;

/// What the kernels know of a head beside its scores. Each block has the row of one query; its
/// threads take packs of keys in turn and touch no others.
struct Head {
  int64_t seq_len;
  int64_t first_token;        ///< of its sequence, within the micro batch
  const int32_t* first_keys;  ///< of its sequence; null: 0
  DropoutMask dropout;
  uint32_t lane;
  float scale;

  __device__ int64_t query() const { return blockIdx.x; }
  __device__ int64_t first_key() const { return first_keys == nullptr ? 0 : first_keys[query()]; }

  /// Calls f(key) for the first key of each of the thread's packs.
  template <int kPack, typename F>
  __device__ void for_keys(const F& f) const {
    for (int64_t key = int64_t{threadIdx.x} * kPack; key < seq_len;
         key += int64_t{blockDim.x} * kPack)
      f(key);
  }
  template <int kPack>
  __device__ Pack<kPack> factors(int64_t key) const {
    return dropout.factors<kPack>(first_token + query(), lane, key);
  }
};

Head head_of(const TensorView& square, HeadOf head, const AttentionParams& params) {
  const int64_t T = square.extent(0);
  return {.seq_len = T,
          .first_token = head.b * T,
          .first_keys = params.first_keys ? params.first_keys.as<int32_t>() + head.b * T : nullptr,
          .dropout = dropout_mask(params.dropout),
          .lane = static_cast<uint32_t>(head.h),
          .scale = 1.0f / std::sqrt(static_cast<float>(params.heads.d_head))};
}

/// Reads the row three times (twice from cache), writes it once.
template <typename T, int kPack>
__global__ void __launch_bounds__(kThreads) softmax_kernel(T* scores, Head head) {
  T* const row = scores + head.query() * head.seq_len;
  float* const scratch = dynamic_shared<float>();
  const int64_t first = head.first_key(), last = head.query();
  float largest = -FLT_MAX;
  head.for_keys<kPack>([&](int64_t key) {
    const Pack<kPack> values = load<kPack>(row + key);
    for (int i = 0; i < kPack; ++i)
      if (first <= key + i && key + i <= last) largest = fmaxf(largest, values[i]);
  });
  largest = block_max(largest, scratch);
  float sum = 0;
  head.for_keys<kPack>([&](int64_t key) {
    const Pack<kPack> values = load<kPack>(row + key);
    for (int i = 0; i < kPack; ++i)
      if (first <= key + i && key + i <= last) sum += expf(head.scale * (values[i] - largest));
  });
  const float inverse_sum = 1.0f / block_sum(sum, scratch);
  head.for_keys<kPack>([&](int64_t key) {
    Pack<kPack> values = load<kPack>(row + key);
    for (int i = 0; i < kPack; ++i)
      values[i] = first <= key + i && key + i <= last
                      ? inverse_sum * expf(head.scale * (values[i] - largest))
                      : 0.0f;
    store(row + key, values);
  });
}

/// Reads and writes the row once.
template <typename T, int kPack>
__global__ void __launch_bounds__(kThreads)
    drop_kernel(T* dropped, const T* probabilities, Head head) {
  const int64_t start = head.query() * head.seq_len;
  head.for_keys<kPack>([&](int64_t key) {
    Pack<kPack> values = load<kPack>(probabilities + start + key);
    const Pack<kPack> factors = head.factors<kPack>(key);
    for (int i = 0; i < kPack; ++i) values[i] *= factors[i];
    store(dropped + start + key, values);
  });
}

/// p (g - sum(p g)) scale with g the gradient behind dropout; reads both rows twice (once from
/// cache), writes one.
template <typename T, int kPack>
__global__ void __launch_bounds__(kThreads)
    softmax_backward_kernel(T* gradients, const T* probabilities, Head head) {
  const int64_t start = head.query() * head.seq_len;
  const auto load_gradient = [&](int64_t key) {
    Pack<kPack> g = load<kPack>(gradients + start + key);
    if (!head.dropout.is_on()) return g;
    const Pack<kPack> factors = head.factors<kPack>(key);
    for (int i = 0; i < kPack; ++i) g[i] *= factors[i];
    return g;
  };
  float sum = 0;
  head.for_keys<kPack>([&](int64_t key) {
    const Pack<kPack> p = load<kPack>(probabilities + start + key), g = load_gradient(key);
    for (int i = 0; i < kPack; ++i) sum += p[i] * g[i];
  });
  sum = block_sum(sum, dynamic_shared<float>());
  head.for_keys<kPack>([&](int64_t key) {
    const Pack<kPack> p = load<kPack>(probabilities + start + key);
    Pack<kPack> g = load_gradient(key);
    for (int i = 0; i < kPack; ++i) g[i] = head.scale * p[i] * (g[i] - sum);
    store(gradients + start + key, g);
  });
}

/// One element per thread.
template <typename T>
__global__ void __launch_bounds__(kThreads)
    store_rows_kernel(T* out, int64_t stride, const float* in, int64_t columns, int64_t n) {
  const int64_t i = global_thread();
  if (i < n) out[i / columns * stride + i % columns] = from_float<T>(in[i]);
}

/// A row per block.
LaunchShape rows_shape(const char* name, int64_t seq_len, int pack, KernelBytes bytes) {
  return {name,
          seq_len,
          threads_for(n_parts(seq_len, pack)),
          kMaxWarps * static_cast<int64_t>(sizeof(float)),
          1,
          bytes};
}

}  // namespace

void softmax(const Exec& exec, TensorView scores, HeadOf head, const AttentionParams& params) {
  const int64_t seq_len = scores.extent(0);
  with_pack(scores.dtype, seq_len, {scores}, [&]<typename T, int kPack>() {
    launch(native_stream(exec),
           rows_shape("attention_softmax", seq_len, kPack, {scores.bytes(), scores.bytes()}),
           softmax_kernel<T, kPack>, static_cast<T*>(scores.data), head_of(scores, head, params));
  });
}

void drop(const Exec& exec, TensorView dropped, TensorView probabilities, HeadOf head,
          const AttentionParams& params) {
  const int64_t seq_len = probabilities.extent(0);
  with_pack(dropped.dtype, seq_len, {dropped, probabilities}, [&]<typename T, int kPack>() {
    launch(native_stream(exec),
           rows_shape("attention_drop", seq_len, kPack, {probabilities.bytes(), dropped.bytes()}),
           drop_kernel<T, kPack>, static_cast<T*>(dropped.data),
           static_cast<const T*>(probabilities.data), head_of(probabilities, head, params));
  });
}

void softmax_backward(const Exec& exec, TensorView gradients, TensorView probabilities, HeadOf head,
                      const AttentionParams& params) {
  const int64_t seq_len = probabilities.extent(0);
  with_pack(gradients.dtype, seq_len, {gradients, probabilities}, [&]<typename T, int kPack>() {
    launch(native_stream(exec),
           rows_shape("attention_softmax_backward", seq_len, kPack,
                      {2 * gradients.bytes(), gradients.bytes()}),
           softmax_backward_kernel<T, kPack>, static_cast<T*>(gradients.data),
           static_cast<const T*>(probabilities.data), head_of(probabilities, head, params));
  });
}

void store_rows(const Exec& exec, void* out, int64_t stride, DType dtype, TensorView in) {
  with_dtype(dtype, [&]<typename T>() {
    launch(native_stream(exec),
           {"attention_store_rows",
            blocks_for(in.size()),
            kThreads,
            0,
            1,
            {in.bytes(), in.size() * size_of(dtype)}},
           store_rows_kernel<T>, static_cast<T*>(out), stride, in.as<float>(), in.extent(1),
           in.size());
  });
}

}  // namespace isoflop::manual_attention
