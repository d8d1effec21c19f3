// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/cuda_ops.hpp"
#include "trainer/backend/cuda/element.cuh"
#include "trainer/backend/cuda/grid.cuh"
#include "trainer/backend/cuda/launch.cuh"
#include "trainer/backend/cuda/reduce.cuh"
#include "trainer/backend/cuda/scratch.hpp"
#include "trainer/backend/op_contracts.hpp"
#include "trainer/backend/step_state.hpp"
#include "trainer/backend/update_segment.hpp"

#include <algorithm>

namespace isoflop {
namespace {

using namespace gpu;

constexpr int kPack = kPackSize<float>;

/// What the update of an element takes, coefficients ready.
struct Coefficients {
  float lr, decay, eps, one_minus_beta1, one_minus_beta2;
  float grad_scale, inverse_correction1, inverse_correction2;
};

/// Of the whole block: two of its threads take the powers, in f64. `scratch` (2) is free to be
/// used again by a reduction.
__device__ Coefficients coefficients(const StepState& state, const AdamWParams& adamw, bool decayed,
                                     double* scratch) {
  if (threadIdx.x < 2) {
    const double beta = threadIdx.x == 0 ? adamw.beta1 : adamw.beta2;
    scratch[threadIdx.x] = 1 / (1 - pow(beta, static_cast<double>(state.n_update)));
  }
  __syncthreads();
  return {.lr = static_cast<float>(state.input.lr),
          .decay = decayed ? static_cast<float>(adamw.weight_decay) : 0.0f,
          .eps = static_cast<float>(adamw.eps),
          .one_minus_beta1 = static_cast<float>(1 - adamw.beta1),
          .one_minus_beta2 = static_cast<float>(1 - adamw.beta2),
          .grad_scale = static_cast<float>(state.output.clip_scale),
          .inverse_correction1 = static_cast<float>(scratch[0]),
          .inverse_correction2 = static_cast<float>(scratch[1])};
}

/// Parameters, moments and gradients: all of them, or a segment's.
struct AdamWState {
  float *params, *m, *v;
  const float* grads;

  __device__ AdamWState from(const UpdateSegment& segment) const {
    return {params + segment.params, m + segment.m, v + segment.v, grads + segment.grads};
  }
  __device__ AdamWState from(int64_t first) const {
    return {params + first, m + first, v + first, grads + first};
  }
  __device__ bool is_aligned() const {
    const auto address = [](const float* data) { return reinterpret_cast<std::uintptr_t>(data); };
    return (address(params) | address(m) | address(v) | address(grads)) % kPackBytes == 0;
  }
};

/// Sums of squares.
struct Norms {
  double params = 0, change = 0;
};

/// m + (1 - beta) (g - m) keeps the full precision of 1 - beta.
template <int kSize>
__device__ void update(const AdamWState& at, const Coefficients& k, Norms& norms) {
  Pack<kSize> p = load<kSize>(at.params), m = load<kSize>(at.m), v = load<kSize>(at.v);
  const Pack<kSize> grads = load<kSize>(at.grads);
  for (int i = 0; i < kSize; ++i) {
    const float g = grads[i] * k.grad_scale;
    m[i] += k.one_minus_beta1 * (g - m[i]);
    v[i] += k.one_minus_beta2 * (g * g - v[i]);
    const float direction =
        m[i] * k.inverse_correction1 / (sqrtf(v[i] * k.inverse_correction2) + k.eps);
    const float change = k.lr * (direction + k.decay * p[i]);
    p[i] -= change;
    norms.params += static_cast<double>(p[i]) * static_cast<double>(p[i]);
    norms.change += static_cast<double>(change) * static_cast<double>(change);
  }
  store(at.params, p);
  store(at.m, m);
  store(at.v, v);
}

/// parts (n, gridDim.y): a segment per block along x, shared by the blocks along y; a thread takes
/// packs a grid apart.
__global__ void __launch_bounds__(kThreads)
    adamw_kernel(Norms* parts, AdamWState all, const UpdateSegment* segments,
                 const StepState* state, AdamWParams params) {
  if (state->output.skip != 0) return;
  const UpdateSegment& segment = segments[blockIdx.x];
  const AdamWState start = all.from(segment);
  const Coefficients k =
      coefficients(*state, params, segment.decayed != 0, dynamic_shared<double>());
  const bool aligned = start.is_aligned();
  const int64_t stride = static_cast<int64_t>(gridDim.y) * kThreads * kPack;
  const int64_t thread = static_cast<int64_t>(blockIdx.y) * kThreads + threadIdx.x;
  Norms norms;
  for (int64_t first = thread * kPack; first < segment.size; first += stride) {
    if (aligned && first + kPack <= segment.size) {
      update<kPack>(start.from(first), k, norms);
    } else {
      for (int64_t i = first; i < first + kPack && i < segment.size; ++i)
        update<1>(start.from(i), k, norms);
    }
  }
  norms.params = block_sum(norms.params, dynamic_shared<double>());
  norms.change = block_sum(norms.change, dynamic_shared<double>());
  if (threadIdx.x == 0) parts[static_cast<int64_t>(blockIdx.x) * gridDim.y + blockIdx.y] = norms;
}

/// norms (n_tensors, 2) += the parts of a segment, one per thread; a segment per block.
__global__ void __launch_bounds__(kThreads)
    join_norms_kernel(double* norms, const Norms* parts, int64_t n_part,
                      const UpdateSegment* segments, const StepState* state) {
  if (state->output.skip != 0) return;
  Norms of_thread;
  if (threadIdx.x < n_part)
    of_thread = parts[static_cast<int64_t>(blockIdx.x) * n_part + threadIdx.x];
  const double params = block_sum(of_thread.params, dynamic_shared<double>());
  const double change = block_sum(of_thread.change, dynamic_shared<double>());
  if (threadIdx.x != 0) return;
  double* const norm = norms + 2 * segments[blockIdx.x].tensor;
  norm[0] += params;
  norm[1] += change;
}

/// Blocks that share a segment at most: no more than bring a GPU to full speed; a thread for each
/// joins their norms.
constexpr int64_t kMostBlocks = 256;
static_assert(kThreads >= kMostBlocks);

/// Enough for the largest segment, whose size the host does not know: at least 4096 elements a
/// block.
int64_t blocks_of_segment(int64_t n) {
  return std::clamp<int64_t>(n_parts(n, 4 * kPack * kThreads), 1, kMostBlocks);
}

}  // namespace

int64_t adamw_scratch_bytes(int64_t n_segments) {
  return n_segments * kMostBlocks * static_cast<int64_t>(sizeof(Norms));
}

void CudaOps::adamw(const Exec& exec, TensorView params, TensorView m, TensorView v,
                    TensorView grads, TensorView segments, TensorView norms, const StepState* state,
                    const AdamWParams& params_of_adamw) {
  check_adamw(params, m, v, grads, segments, norms);
  const AdamWState all{params.as<float>(), m.as<float>(), v.as<float>(), grads.as<float>()};
  const UpdateSegment* const table = update_segments(segments);
  const int64_t n = segments.extent(0), n_part = blocks_of_segment(m.size());
  const Arena::Scope scope(exec.arena);
  constexpr int64_t kDoubles = sizeof(Norms) / sizeof(double);
  auto* const parts =
      static_cast<Norms*>(exec.arena.allocate(DType::f64, {n, n_part, kDoubles}).data);
  const cudaStream_t stream = native_stream(exec);
  const int64_t part_bytes = n * n_part * static_cast<int64_t>(sizeof(Norms));
  launch(stream,
         {"adamw",
          n,
          kThreads,
          kReduceBytes,
          n_part,
          {4 * m.bytes() + segments.bytes(), 3 * m.bytes() + part_bytes}},
         adamw_kernel, parts, all, table, state, params_of_adamw);
  launch(stream,
         {"join_norms", n, kThreads, kReduceBytes, 1, {part_bytes + norms.bytes(), norms.bytes()}},
         join_norms_kernel, norms.as<double>(), parts, n_part, table, state);
}

}  // namespace isoflop
