// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/cuda_ops.hpp"
#include "trainer/backend/cuda/element.cuh"
#include "trainer/backend/cuda/grid.cuh"
#include "trainer/backend/cuda/launch.cuh"
#include "trainer/backend/op_contracts.hpp"
#include "trainer/backend/step_state.hpp"

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

__device__ Coefficients coefficients(const StepState& state, const AdamWParams& adamw,
                                     bool decayed) {
  return {.lr = static_cast<float>(state.input.lr),
          .decay = decayed ? static_cast<float>(adamw.weight_decay) : 0.0f,
          .eps = static_cast<float>(adamw.eps),
          .one_minus_beta1 = static_cast<float>(1 - adamw.beta1),
          .one_minus_beta2 = static_cast<float>(1 - adamw.beta2),
          .grad_scale = static_cast<float>(state.output.clip_scale),
          .inverse_correction1 = static_cast<float>(1 / state.input.beta1_correction),
          .inverse_correction2 = static_cast<float>(1 / state.input.beta2_correction)};
}

/// Parameters, moments and gradients: all of them, or a segment's.
struct AdamWState {
  float *params, *m, *v;
  const float* grads;

  __device__ AdamWState from(int64_t offset, int64_t v_offset) const {
    return {params + offset, m + offset, v + v_offset, grads + offset};
  }
  __device__ AdamWState from(int64_t offset) const { return from(offset, offset); }
  __device__ bool is_aligned() const {
    const auto address = [](const float* data) { return reinterpret_cast<std::uintptr_t>(data); };
    return (address(params) | address(m) | address(v) | address(grads)) % kPackBytes == 0;
  }
};

/// m + (1 - beta) (g - m) keeps the full precision of 1 - beta.
template <int kSize>
__device__ void update(const AdamWState& at, const Coefficients& k) {
  Pack<kSize> p = load<kSize>(at.params), m = load<kSize>(at.m), v = load<kSize>(at.v);
  const Pack<kSize> grads = load<kSize>(at.grads);
  for (int i = 0; i < kSize; ++i) {
    const float g = grads[i] * k.grad_scale;
    m[i] += k.one_minus_beta1 * (g - m[i]);
    v[i] += k.one_minus_beta2 * (g * g - v[i]);
    const float direction =
        m[i] * k.inverse_correction1 / (sqrtf(v[i] * k.inverse_correction2) + k.eps);
    p[i] -= k.lr * (direction + k.decay * p[i]);
  }
  store(at.params, p);
  store(at.m, m);
  store(at.v, v);
}

/// A segment (offset, size, 1 when decayed, offset in v) per block along x, shared by the blocks
/// along y; a thread takes packs a grid apart.
__global__ void __launch_bounds__(kThreads)
    adamw_kernel(AdamWState all, const int64_t* segments, const StepState* state,
                 AdamWParams params) {
  if (state->output.skip != 0) return;
  const int64_t* const segment = segments + 4 * static_cast<int64_t>(blockIdx.x);
  const AdamWState start = all.from(segment[0], segment[3]);
  const int64_t size = segment[1];
  const Coefficients k = coefficients(*state, params, segment[2] != 0);
  const bool aligned = start.is_aligned();
  const int64_t stride = static_cast<int64_t>(gridDim.y) * kThreads * kPack;
  const int64_t thread = static_cast<int64_t>(blockIdx.y) * kThreads + threadIdx.x;
  for (int64_t first = thread * kPack; first < size; first += stride) {
    if (aligned && first + kPack <= size) {
      update<kPack>(start.from(first), k);
    } else {
      for (int64_t i = first; i < first + kPack && i < size; ++i) update<1>(start.from(i), k);
    }
  }
}

/// Enough for the largest segment, whose size the host does not know: at least 4096 elements a
/// block, and no more blocks than bring a GPU to full speed.
int64_t blocks_of_segment(int64_t n) {
  return std::clamp<int64_t>(n_parts(n, 4 * kPack * kThreads), 1, 256);
}

}  // namespace

void CudaOps::adamw(const Exec& exec, TensorView params, TensorView m, TensorView v,
                    TensorView grads, TensorView segments, const StepState* state,
                    const AdamWParams& params_of_adamw) {
  check_adamw(params, m, v, grads, segments);
  const AdamWState all{params.as<float>(), m.as<float>(), v.as<float>(), grads.as<float>()};
  const LaunchShape shape{.name = "adamw",
                          .blocks = segments.extent(0),
                          .threads = kThreads,
                          .blocks_y = blocks_of_segment(params.size())};
  launch(native_stream(exec), shape, adamw_kernel, all, segments.as<int64_t>(), state,
         params_of_adamw);
}

}  // namespace isoflop
