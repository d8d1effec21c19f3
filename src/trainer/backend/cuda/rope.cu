// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/cuda_ops.hpp"
#include "trainer/backend/cuda/dispatch.cuh"
#include "trainer/backend/cuda/element.cuh"
#include "trainer/backend/cuda/grid.cuh"
#include "trainer/backend/cuda/launch.cuh"
#include "trainer/backend/op_contracts.hpp"

#include <cmath>
#include <numbers>

namespace isoflop {
namespace {

using namespace gpu;

/// Sizes of packed queries, keys and values as rope sees them; the first n_rotated heads turn.
struct RopeShape {
  int64_t B, T;
  int n_head, n_rotated, d_head;
};

/// cosines[i], sines[i] of position x theta^(-2i/d_head), from angles in double: at position 10^5
/// they keep 1e-10 turns. The block shares the work.
__device__ void fill_table(float* cosines, float* sines, double position, int d_head,
                           double log_theta) {
  for (int i = static_cast<int>(threadIdx.x); i < d_head / 2; i += static_cast<int>(blockDim.x)) {
    const double frequency = exp(-2.0 * i / d_head * log_theta);
    double sine, cosine;
    sincospi(position * frequency * std::numbers::inv_pi, &sine, &cosine);
    cosines[i] = static_cast<float>(cosine);
    sines[i] = static_cast<float>(sine);
  }
}

/// Rotates (low[i], high[i]) of one pack of pairs by the angles of the table; sign -1 is the
/// inverse.
template <typename T, int kPack>
__device__ void rotate(T* low, T* high, const float* cosines, const float* sines, float sign) {
  const Pack<kPack> a = load<kPack>(low), b = load<kPack>(high);
  Pack<kPack> turned_a, turned_b;
  for (int i = 0; i < kPack; ++i) {
    const float cosine = cosines[i], sine = sign * sines[i];
    turned_a[i] = a[i] * cosine - b[i] * sine;
    turned_b[i] = b[i] * cosine + a[i] * sine;
  }
  store(low, turned_a);
  store(high, turned_b);
}

/// One position per block: its angles go to shared memory, then threads take packs of pairs of all
/// heads of all sequences.
template <typename T, int kPack>
__global__ void __launch_bounds__(kThreads)
    rope_kernel(T* qkv, RopeShape shape, double log_theta, float sign) {
  const int half = shape.d_head / 2;
  float* const cosines = dynamic_shared<float>();
  float* const sines = cosines + half;
  fill_table(cosines, sines, static_cast<double>(blockIdx.x), shape.d_head, log_theta);
  __syncthreads();
  const int packs = half / kPack, packs_of_token = packs * shape.n_rotated;
  for (int64_t b = 0; b < shape.B; ++b) {
    T* const token = qkv + (b * shape.T + blockIdx.x) * shape.n_head * shape.d_head;
    for (int item = static_cast<int>(threadIdx.x); item < packs_of_token;
         item += static_cast<int>(blockDim.x)) {
      const int i = item % packs * kPack;
      T* const low = token + item / packs * shape.d_head + i;
      rotate<T, kPack>(low, low + half, cosines + i, sines + i, sign);
    }
  }
}

}  // namespace

void CudaOps::rope(const Exec& exec, TensorView qkv, const AttentionShape& heads, double theta,
                   RopeDirection direction) {
  check_rope(qkv, heads);
  const RopeShape shape{.B = qkv.extent(0),
                        .T = qkv.extent(1),
                        .n_head = static_cast<int>(qkv.extent(2)),
                        .n_rotated = static_cast<int>(heads.n_head + heads.n_kv_head),
                        .d_head = static_cast<int>(heads.d_head)};
  const float sign = direction == RopeDirection::forward ? 1.0f : -1.0f;
  with_pack(qkv.dtype, heads.d_head / 2, {qkv}, [&]<typename T, int kPack>() {
    const int threads = threads_for(shape.n_rotated * heads.d_head / 2 / kPack);
    const int64_t table_bytes = heads.d_head * static_cast<int64_t>(sizeof(float));
    const int64_t rotated_bytes = qkv.bytes() / shape.n_head * shape.n_rotated;
    launch(native_stream(exec),
           {"rope", shape.T, threads, table_bytes, 1, {rotated_bytes, rotated_bytes}},
           rope_kernel<T, kPack>, static_cast<T*>(qkv.data), shape, std::log(theta), sign);
  });
}

}  // namespace isoflop
