// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/op_contracts.hpp"
#include "trainer/backend/reference/reference_ops.hpp"
#include "trainer/backend/update_segment.hpp"

#include <cmath>

namespace isoflop {

void ReferenceOps::adamw(const Exec& exec, TensorView params, TensorView m, TensorView v,
                         TensorView grads, TensorView segments, TensorView norms,
                         const StepState* state, const AdamWParams& params_of_adamw) {
  check_adamw(params, m, v, grads, segments, norms);
  as_cpu_device(exec.device).enqueue(exec.stream, [=, adamw = params_of_adamw] {
    if (state->output.skip != 0) return;
    const double lr = state->input.lr;
    const auto n = static_cast<double>(state->n_update);
    const double correction1 = 1 - std::pow(adamw.beta1, n);
    const double correction2 = 1 - std::pow(adamw.beta2, n);
    for (int64_t s = 0; s < segments.extent(0); ++s) {
      const UpdateSegment& segment = update_segments(segments)[s];
      const double decay = segment.decayed != 0 ? adamw.weight_decay : 0;
      double* const norm = norms.as<double>() + 2 * segment.tensor;
      for (int64_t i = 0; i < segment.size; ++i) {
        double& p = params.as<double>()[segment.params + i];
        double& mi = m.as<double>()[segment.m + i];
        double& vi = v.as<double>()[segment.v + i];
        const double g = grads.as<double>()[segment.grads + i] * state->output.clip_scale;
        mi = adamw.beta1 * mi + (1 - adamw.beta1) * g;
        vi = adamw.beta2 * vi + (1 - adamw.beta2) * g * g;
        const double m_hat = mi / correction1, v_hat = vi / correction2;
        const double change = lr * (m_hat / (std::sqrt(v_hat) + adamw.eps) + decay * p);
        p -= change;
        norm[0] += p * p;
        norm[1] += change * change;
      }
    }
  });
}

}  // namespace isoflop
