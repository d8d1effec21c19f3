// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/cuda_ops.hpp"
#include "trainer/backend/cuda/segment_update.cuh"
#include "trainer/backend/op_contracts.hpp"

namespace isoflop {
namespace {

using namespace gpu;

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
    norms.take(p[i], change);
  }
  store(at.params, p);
  store(at.m, m);
  store(at.v, v);
}

/// parts (n, gridDim.y): a segment per block along x, shared by the blocks along y. Reads the
/// gradients, reads and writes parameters and moments: 28 bytes an element.
__global__ void __launch_bounds__(kThreads)
    adamw_kernel(Norms* parts, AdamWState all, const UpdateSegment* segments,
                 const StepState* state, AdamWParams params) {
  if (state->output.skip != 0) return;
  const UpdateSegment& segment = segments[blockIdx.x];
  if (!has_elements(segment.size)) return store_norms(parts, {});
  const AdamWState start = all.from(segment);
  const Coefficients k =
      coefficients(*state, params, segment.decayed != 0, dynamic_shared<double>());
  Norms norms;
  for_segment(segment.size, are_aligned(start.params, start.m, start.v, start.grads),
              [&]<int kSize>(int64_t first) { update<kSize>(start.from(first), k, norms); });
  store_block_norms(parts, norms);
}

}  // namespace

void CudaOps::adamw(const Exec& exec, TensorView params, TensorView m, TensorView v,
                    TensorView grads, TensorView segments, TensorView norms, const StepState* state,
                    const AdamWParams& params_of_adamw) {
  check_adamw(params, m, v, grads, segments, norms);
  const AdamWState all{params.as<float>(), m.as<float>(), v.as<float>(), grads.as<float>()};
  const UpdateSegment* const table = update_segments(segments);
  const LaunchShape shape =
      segment_shape("adamw", segments.extent(0), m.size(), {4 * m.bytes(), 3 * m.bytes()});
  const Arena::Scope scope(exec.arena);
  Norms* const parts = take_norm_parts(exec, shape);
  launch(native_stream(exec), shape, adamw_kernel, parts, all, table, state, params_of_adamw);
  join_norms(exec, norms, parts, shape, table, state);
}

}  // namespace isoflop
