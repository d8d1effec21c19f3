// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/cpu/cpu_ops.hpp"
#include "trainer/backend/cpu/sum_in_parts.hpp"
#include "trainer/backend/cpu/update_norms.hpp"
#include "trainer/backend/cpu/vectorise.hpp"
#include "trainer/backend/op_contracts.hpp"
#include "trainer/backend/update_segment.hpp"

#include <cmath>
#include <cstdint>

namespace isoflop {
namespace {

/// The update of one element, coefficients ready.
struct Coefficients {
  float lr, decay, eps, one_minus_beta1, one_minus_beta2;
  float grad_scale, inverse_correction1, inverse_correction2;
};

/// 1 / (1 - beta^n): Kingma and Ba, arXiv:1412.6980, section 3.
float inverse_correction(double beta, int64_t n_update) {
  return static_cast<float>(1 / (1 - std::pow(beta, static_cast<double>(n_update))));
}

Coefficients coefficients(const StepState& state, const AdamWParams& adamw, bool decayed) {
  return {.lr = static_cast<float>(state.input.lr),
          .decay = decayed ? static_cast<float>(adamw.weight_decay) : 0.0f,
          .eps = static_cast<float>(adamw.eps),
          .one_minus_beta1 = static_cast<float>(1 - adamw.beta1),
          .one_minus_beta2 = static_cast<float>(1 - adamw.beta2),
          .grad_scale = static_cast<float>(state.output.clip_scale),
          .inverse_correction1 = inverse_correction(adamw.beta1, state.n_update),
          .inverse_correction2 = inverse_correction(adamw.beta2, state.n_update)};
}

/// A segment's parameters, moments and gradients, or a part's.
struct Segment {
  float *params, *m, *v;
  const float* grads;

  Segment from(int64_t first) const {
    return {params + first, m + first, v + first, grads + first};
  }
};

/// m + (1 - beta) (g - m) keeps the full precision of 1 - beta.
ISOFLOP_VECTORISE UpdateNorms update(const Segment& at, int64_t n, const Coefficients& k) {
  float *const p = at.params, *const m = at.m, *const v = at.v;
  const float* const grads = at.grads;
  double params = 0, changes = 0;
#pragma omp simd reduction(+ : params, changes)
  for (int64_t i = 0; i < n; ++i) {
    const float g = grads[i] * k.grad_scale;
    const float mi = m[i] + k.one_minus_beta1 * (g - m[i]);
    const float vi = v[i] + k.one_minus_beta2 * (g * g - v[i]);
    m[i] = mi;
    v[i] = vi;
    const float direction =
        mi * k.inverse_correction1 / (std::sqrt(vi * k.inverse_correction2) + k.eps);
    const float change = k.lr * (direction + k.decay * p[i]);
    const float after = p[i] - change;
    p[i] = after;
    params += static_cast<double>(after) * static_cast<double>(after);
    changes += static_cast<double>(change) * static_cast<double>(change);
  }
  return {params, changes};
}

}  // namespace

void CpuOps::adamw(const Exec& exec, TensorView params, TensorView m, TensorView v,
                   TensorView grads, TensorView segments, TensorView norms, const StepState* state,
                   const AdamWParams& params_of_adamw) {
  check_adamw(params, m, v, grads, segments, norms);
  as_cpu_device(exec.device).enqueue(exec.stream, [=, adamw = params_of_adamw] {
    if (state->output.skip != 0) return;
    for (int64_t s = 0; s < segments.extent(0); ++s) {
      const UpdateSegment& at = update_segments(segments)[s];
      const Segment segment{params.as<float>() + at.params, m.as<float>() + at.m,
                            v.as<float>() + at.v, grads.as<float>() + at.grads};
      const Coefficients k = coefficients(*state, adamw, at.decayed != 0);
      add_norms(norms, at.tensor, sum_in_parts<UpdateNorms>(at.size, [&](int64_t first, int64_t n) {
                  return update(segment.from(first), n, k);
                }));
    }
  });
}

}  // namespace isoflop
