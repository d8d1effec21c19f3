// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/cuda_device.hpp"
#include "trainer/backend/cuda/dispatch.cuh"
#include "trainer/backend/cuda/element.cuh"
#include "trainer/backend/cuda/grid.cuh"
#include "trainer/backend/cuda/launch.cuh"
#include "trainer/backend/cuda/muon_kernels.hpp"
#include "trainer/backend/cuda/reduce.cuh"
#include "trainer/backend/muon.hpp"

#include <algorithm>

namespace isoflop::muon {
namespace {

using namespace gpu;

/// Blocks of write_direction at most, each with a sum of squares; a thread for each adds them up.
constexpr int64_t kMostBlocks = kThreads;

/// Calls f.template operator()<kSize>(i) for the elements [i, i + kSize) that are the thread's:
/// packs a grid apart, those beyond the last whole pack one by one.
template <int kPack, typename F>
__device__ void for_elements(int64_t n, const F& f) {
  const int64_t stride = static_cast<int64_t>(gridDim.x) * kThreads * kPack;
  for (int64_t first = global_thread() * kPack; first < n; first += stride) {
    if (first + kPack <= n) {
      f.template operator()<kPack>(first);
    } else {
      for (int64_t i = first; i < n; ++i) f.template operator()<1>(i);
    }
  }
}

struct Direction {
  float *direction, *momentum;
  const float* grad;
  int64_t n;
  float mu;
  bool nesterov;
};

/// sums (gridDim.x): of squares of the directions, in f64. Reads gradient and momentum, writes
/// momentum and direction: 16 bytes an element. Left to itself, ptxas spills to stay within 32
/// registers on sm_90a.
template <int kPack>
__global__ void __launch_bounds__(kThreads, 4)
    direction_kernel(double* sums, Direction d, const StepState* state) {
  if (state->output.skip != 0) return;
  const auto grad_scale = static_cast<float>(state->output.clip_scale);
  double sum = 0;
  for_elements<kPack>(d.n, [&]<int kSize>(int64_t i) {
    const Pack<kSize> grad = load<kSize>(d.grad + i);
    Pack<kSize> momentum = load<kSize>(d.momentum + i), direction;
    for (int k = 0; k < kSize; ++k) {
      const float g = grad[k] * grad_scale;
      momentum[k] = d.mu * momentum[k] + g;
      direction[k] = d.nesterov ? g + d.mu * momentum[k] : momentum[k];
      sum += static_cast<double>(direction[k]) * static_cast<double>(direction[k]);
    }
    store(d.momentum + i, momentum);
    store(d.direction + i, direction);
  });
  sum = block_sum(sum, dynamic_shared<double>());
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

/// Reads the direction (4 bytes an element), writes x.
template <typename T, int kPack>
__global__ void __launch_bounds__(kThreads)
    normalise_kernel(T* x, const float* direction, int64_t n, const double* sums, int64_t n_sum,
                     const StepState* state) {
  const bool skipped = state->output.skip != 0;
  const double part = !skipped && threadIdx.x < n_sum ? sums[threadIdx.x] : 0;
  const double norm = sqrt(block_sum(part, dynamic_shared<double>()));
  const auto factor = static_cast<float>(1 / (norm + kNewtonSchulzEps));
  for_elements<kPack>(n, [&]<int kSize>(int64_t i) {
    Pack<kSize> values{};
    if (!skipped) values = load<kSize>(direction + i);
    for (int k = 0; k < kSize; ++k) values[k] *= factor;
    store(x + i, values);
  });
}

/// Reads x, writes the update (4 bytes an element).
template <typename T, int kPack>
__global__ void __launch_bounds__(kThreads)
    update_kernel(float* update, const T* x, int64_t n, float scale, const StepState* state) {
  if (state->output.skip != 0) return;
  for_elements<kPack>(n, [&]<int kSize>(int64_t i) {
    Pack<kSize> values = load<kSize>(x + i);
    for (int k = 0; k < kSize; ++k) values[k] *= scale;
    store(update + i, values);
  });
}

int64_t n_blocks(int64_t n) { return std::clamp<int64_t>(blocks_for(n, 16), 1, kMostBlocks); }

LaunchShape shape_for(const char* name, int64_t n, KernelBytes bytes) {
  return {name, n_blocks(n), kThreads, kReduceBytes, 1, bytes};
}

}  // namespace

int64_t sums_bytes() { return aligned_bytes(kMostBlocks * size_of(DType::f64)); }

TensorView take_sums(const Exec& exec) { return exec.arena.allocate(DType::f64, {kMostBlocks}); }

void write_direction(const Exec& exec, TensorView direction, TensorView sums, TensorView momentum,
                     TensorView grad, const StepState* state, const MuonParams& params) {
  const Direction operands{.direction = direction.as<float>(),
                           .momentum = momentum.as<float>(),
                           .grad = grad.as<float>(),
                           .n = grad.size(),
                           .mu = static_cast<float>(params.momentum),
                           .nesterov = params.nesterov};
  constexpr int kPack = kPackSize<float>;
  const bool aligned = rows_are_aligned<kPack>(0, {direction, momentum, grad});
  launch(native_stream(exec),
         shape_for("muon_direction", grad.size(), {2 * grad.bytes(), 2 * grad.bytes()}),
         aligned ? direction_kernel<kPack> : direction_kernel<1>, sums.as<double>(), operands,
         state);
}

void normalise(const Exec& exec, TensorView x, TensorView direction, TensorView sums,
               const StepState* state) {
  const int64_t n = x.size();
  with_pack(x.dtype, 0, {x, direction}, [&]<typename T, int kPack>() {
    launch(native_stream(exec), shape_for("muon_normalise", n, {direction.bytes(), x.bytes()}),
           normalise_kernel<T, kPack>, static_cast<T*>(x.data), direction.as<float>(), n,
           sums.as<double>(), n_blocks(n), state);
  });
}

void write_update(const Exec& exec, TensorView update, TensorView x, double scale,
                  const StepState* state) {
  const int64_t n = x.size();
  with_pack(x.dtype, 0, {x, update}, [&]<typename T, int kPack>() {
    launch(native_stream(exec), shape_for("muon_update", n, {x.bytes(), update.bytes()}),
           update_kernel<T, kPack>, update.as<float>(), static_cast<const T*>(x.data), n,
           static_cast<float>(scale), state);
  });
}

}  // namespace isoflop::muon
