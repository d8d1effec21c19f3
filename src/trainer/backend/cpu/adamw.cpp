// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/cpu/cpu_ops.hpp"
#include "trainer/backend/cpu/parallel.hpp"
#include "trainer/backend/cpu/vectorise.hpp"
#include "trainer/backend/op_contracts.hpp"

#include <cmath>

namespace isoflop {
namespace {

/// One cache line of floats, so that threads do not share lines.
constexpr int64_t kGrain = 16;

/// The update of one element, coefficients ready.
struct Coefficients {
  float lr, decay, eps, one_minus_beta1, one_minus_beta2;
  float grad_scale, inverse_correction1, inverse_correction2;
};

Coefficients coefficients(const StepState& state, const AdamWParams& adamw, bool decayed) {
  return {.lr = static_cast<float>(state.input.lr),
          .decay = decayed ? static_cast<float>(adamw.weight_decay) : 0.0f,
          .eps = static_cast<float>(adamw.eps),
          .one_minus_beta1 = static_cast<float>(1 - adamw.beta1),
          .one_minus_beta2 = static_cast<float>(1 - adamw.beta2),
          .grad_scale = static_cast<float>(state.output.clip_scale),
          .inverse_correction1 = static_cast<float>(1 / state.input.beta1_correction),
          .inverse_correction2 = static_cast<float>(1 / state.input.beta2_correction)};
}

/// m + (1 - beta) (g - m) keeps the full precision of 1 - beta.
ISOFLOP_VECTORISE void update(float* p, float* m, float* v, const float* grads, int64_t n,
                              const Coefficients& k) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float g = grads[i] * k.grad_scale;
    const float mi = m[i] + k.one_minus_beta1 * (g - m[i]);
    const float vi = v[i] + k.one_minus_beta2 * (g * g - v[i]);
    m[i] = mi;
    v[i] = vi;
    const float direction =
        mi * k.inverse_correction1 / (std::sqrt(vi * k.inverse_correction2) + k.eps);
    p[i] -= k.lr * (direction + k.decay * p[i]);
  }
}

}  // namespace

void CpuOps::adamw(const Exec& exec, TensorView params, TensorView m, TensorView v,
                   TensorView grads, TensorView segments, const StepState* state,
                   const AdamWParams& params_of_adamw) {
  check_adamw(params, m, v, grads, segments);
  as_cpu_device(exec.device).enqueue(exec.stream, [=, adamw = params_of_adamw] {
    if (state->output.skip != 0) return;
    for (int64_t s = 0; s < segments.extent(0); ++s) {
      const int64_t* const segment = segments.as<int64_t>() + 4 * s;
      const int64_t offset = segment[0], v_offset = segment[3];
      const Coefficients k = coefficients(*state, adamw, segment[2] != 0);
      parallel_for(segment[1], kGrain, segment[1], [&](int64_t begin, int64_t end) {
        const int64_t first = offset + begin;
        update(params.as<float>() + first, m.as<float>() + first, v.as<float>() + v_offset + begin,
               grads.as<float>() + first, end - begin, k);
      });
    }
  });
}

}  // namespace isoflop
