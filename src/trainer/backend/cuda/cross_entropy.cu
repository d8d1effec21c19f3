// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/cross_entropy.hpp"
#include "trainer/backend/cuda/cuda_device.hpp"
#include "trainer/backend/cuda/dispatch.cuh"
#include "trainer/backend/cuda/grid.cuh"
#include "trainer/backend/cuda/launch.cuh"
#include "trainer/backend/cuda/reduce.cuh"

#include <algorithm>
#include <cfloat>
#include <type_traits>

namespace isoflop {
namespace {

using namespace gpu;

/// One block a multiprocessor (a second finds no registers where gradients have 2 bytes: above 32 a
/// thread, scripts/kernel_resources.sh), so that the rows that run at a time, which are read twice,
/// stay in the L2 cache: 132 of 50,257 f32 logits are 26.5 MB of the 50 MB of an H100, 108 are 21.7
/// MB of the 40 MB of an A100; three smaller blocks would have 79.6 MB. Of 128,256 logits 132 rows
/// are 67.7 MB, and some of the second reads go to memory all the same; more rows would add to
/// them.
constexpr int kMaxThreads = 1024;

/// Softmax of some logits: e^(logit - largest) / sum.
struct Softmax {
  float largest = -FLT_MAX;
  float sum = 0;
};

/// The pack of a row that starts at `first`; -infinity, whose exponential is 0, beyond its end.
template <int kPack>
__device__ Pack<kPack> load_logits(const float* logits, int64_t first, int64_t V) {
  if (first + kPack <= V) return load<kPack>(logits + first);
  Pack<kPack> pack;
  for (int i = 0; i < kPack; ++i) pack[i] = first + i < V ? logits[first + i] : -INFINITY;
  return pack;
}

/// What of a pack of gradients is within the row.
template <typename G, int kPack>
__device__ void store_gradient(G* gradient, int64_t first, int64_t V, const Pack<kPack>& pack) {
  if (first + kPack <= V) return store(gradient + first, pack);
  for (int i = 0; i < kPack; ++i)
    if (first + i < V) gradient[first + i] = from_float<G>(pack[i]);
}

/// Of the thread's packs of a row, in one pass (Milakov and Gimelshein, arXiv:1805.02867).
template <int kPack>
__device__ Softmax softmax_of_packs(const float* logits, int64_t V) {
  Softmax softmax;
  for (int64_t first = int64_t{threadIdx.x} * kPack; first < V;
       first += int64_t{blockDim.x} * kPack) {
    const Pack<kPack> pack = load_logits<kPack>(logits, first, V);
    float largest = softmax.largest;
    for (int i = 0; i < kPack; ++i) largest = fmaxf(largest, pack[i]);
    softmax.sum *= expf(softmax.largest - largest);
    for (int i = 0; i < kPack; ++i) softmax.sum += expf(pack[i] - largest);
    softmax.largest = largest;
  }
  return softmax;
}

/// Of a row, from those of the block's threads.
__device__ Softmax join_block(const Softmax& part) {
  float* const scratch = dynamic_shared<float>();
  const float largest = block_max(part.largest, scratch);
  return {largest, block_sum(part.sum * expf(part.largest - largest), scratch)};
}

/// What a gradient is made of: scale (slope softmax - one_hot(target)), where slope is that of loss
/// and z-loss to the log of Z.
struct GradientScales {
  float scale;
  float slope;
};

/// Logits become their gradient as elements of type G from the row's start on.
/// The block goes through the row in stripes, one pack per thread. Where G is narrower, a thread's
/// gradient lands on logits that other threads read: those of stripe k on the first half of stripes
/// 0 to k. The barrier in iteration k comes after all reads of stripes 0 to k and before any write
/// of stripe k; and reads of later stripes lie behind everything written so far.
template <typename G, int kPack>
__device__ void to_gradient(float* logits, int64_t V, int32_t target, const Softmax& softmax,
                            const GradientScales& scales) {
  G* const gradient = reinterpret_cast<G*>(logits);
  const float scale = scales.scale, factor = scale * scales.slope / softmax.sum;
  for (int64_t stripe = 0; stripe < V; stripe += int64_t{blockDim.x} * kPack) {
    const int64_t first = stripe + int64_t{threadIdx.x} * kPack;
    Pack<kPack> pack{};
    if (first < V) pack = load_logits<kPack>(logits, first, V);
    if constexpr (sizeof(G) < sizeof(float)) __syncthreads();
    for (int i = 0; i < kPack; ++i)
      pack[i] = factor * expf(pack[i] - softmax.largest) - (first + i == target ? scale : 0.0f);
    if (first < V) store_gradient(gradient, first, V, pack);
  }
}

template <typename G, int kPack>
__device__ void zero_gradient(float* logits, int64_t V) {
  for (int64_t first = int64_t{threadIdx.x} * kPack; first < V;
       first += int64_t{blockDim.x} * kPack)
    store_gradient(reinterpret_cast<G*>(logits), first, V, Pack<kPack>{});
}

/// One block per row; reads the logits once, and once more for the gradient (G void: none), which
/// is written over them. Sums are f32.
template <typename G, int kPack>
__global__ void __launch_bounds__(kMaxThreads, 1)
    cross_entropy_kernel(const CrossEntropyRows rows, const HeadLossParams params) {
  const int64_t row = blockIdx.x, V = rows.vocab_size;
  float* const logits = rows.logits + row * rows.stride;
  const int32_t target = rows.targets[row];
  if (target < 0) {
    if constexpr (!std::is_void_v<G>) zero_gradient<G, kPack>(logits, V);
    if (threadIdx.x == 0) rows.losses[row] = rows.z_losses[row] = 0;
    return;
  }
  const float target_logit = logits[target];
  const Softmax softmax = join_block(softmax_of_packs<kPack>(logits, V));
  const float log_sum = logf(softmax.sum), log_z = softmax.largest + log_sum;
  const auto z_loss = static_cast<float>(params.z_loss);
  if (threadIdx.x == 0) {
    rows.losses[row] = softmax.largest - target_logit + log_sum;
    rows.z_losses[row] = z_loss * log_z * log_z;
  }
  if constexpr (!std::is_void_v<G>) {
    const double loss_scale = params.state == nullptr ? 1.0 : params.state->loss_scale.scale;
    to_gradient<G, kPack>(
        logits, V, target, softmax,
        {static_cast<float>(params.grad_scale * loss_scale), 1.0f + 2.0f * z_loss * log_z});
  }
}

/// One block per sum; threads take every blockDim.x-th loss of losses (blocks, n).
__global__ void __launch_bounds__(kThreads)
    add_losses_kernel(double* loss_sums, const float* losses, int64_t n) {
  const float* const of_block = losses + blockIdx.x * n;
  double sum = 0;
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) sum += static_cast<double>(of_block[i]);
  sum = block_sum(sum, dynamic_shared<double>());
  if (threadIdx.x == 0) loss_sums[blockIdx.x] += sum;
}

/// Whole warps, as many as have packs to read.
template <int kPack>
int n_threads_for(int64_t vocab_size) {
  const int64_t warps = n_parts(vocab_size, int64_t{kPack} * kWarpSize);
  return static_cast<int>(std::min<int64_t>(warps * kWarpSize, kMaxThreads));
}

/// Logits are read from memory twice as far as the L2 cache does not hold the rows that run at a
/// time: kMaxThreads.
template <typename G>
KernelBytes bytes_of(const CrossEntropyRows& rows) {
  const int64_t n = rows.n * rows.vocab_size, n_float = sizeof(float);
  if constexpr (std::is_void_v<G>)
    return {n * n_float, 2 * rows.n * n_float, true};
  else
    return {2 * n * n_float, n * static_cast<int64_t>(sizeof(G)) + 2 * rows.n * n_float, true};
}

template <typename G, int kPack>
void launch_packs(const Exec& exec, const CrossEntropyRows& rows, const HeadLossParams& params) {
  launch(native_stream(exec),
         {.name = "cross_entropy",
          .blocks = rows.n,
          .threads = n_threads_for<kPack>(rows.vocab_size),
          .shared_bytes = kMaxWarps * static_cast<int64_t>(sizeof(float)),
          .bytes = bytes_of<G>(rows)},
         cross_entropy_kernel<G, kPack>, rows, params);
}

/// By packs that are 16 bytes of gradient (of logits where there is none), if rows start where
/// packs may.
template <typename G>
void launch_rows(const Exec& exec, const CrossEntropyRows& rows, const HeadLossParams& params) {
  using Narrowest = std::conditional_t<std::is_void_v<G>, float, G>;
  constexpr int kPack = kPackSize<Narrowest>;
  const TensorView logits(rows.logits, DType::f32, {rows.n, rows.stride});
  if (rows_are_aligned<kPack>(rows.stride, {logits}))
    launch_packs<G, kPack>(exec, rows, params);
  else
    launch_packs<G, 1>(exec, rows, params);
}

}  // namespace

void cross_entropy(const Exec& exec, const CrossEntropyRows& rows, const HeadLossParams& params) {
  launch_rows<void>(exec, rows, params);
}

void cross_entropy_with_gradient(const Exec& exec, const CrossEntropyRows& rows, DType gradient,
                                 const HeadLossParams& params) {
  with_dtype(gradient, [&]<typename G>() { launch_rows<G>(exec, rows, params); });
}

void add_losses(const Exec& exec, double* loss_sums, const float* losses, int64_t n) {
  launch(native_stream(exec),
         {.name = "add_losses",
          .blocks = 2,
          .threads = kThreads,
          .shared_bytes = kMaxWarps * static_cast<int64_t>(sizeof(double)),
          .bytes = {2 * n * static_cast<int64_t>(sizeof(float)), 2 * sizeof(double)}},
         add_losses_kernel, loss_sums, losses, n);
}

}  // namespace isoflop
