// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/op_contracts.hpp"
#include "trainer/backend/reference/reference_ops.hpp"

#include <cmath>

namespace isoflop {

void ReferenceOps::adamw(const Exec& exec, TensorView params, TensorView m, TensorView v,
                         TensorView grads, TensorView segments, const StepState* state,
                         const AdamWParams& params_of_adamw) {
  check_adamw(params, m, v, grads, segments);
  as_cpu_device(exec.device).enqueue(exec.stream, [=, adamw = params_of_adamw] {
    if (state->output.skip != 0) return;
    const StepState::Input in = state->input;
    for (int64_t s = 0; s < segments.extent(0); ++s) {
      const int64_t* const segment = segments.as<int64_t>() + 4 * s;
      const double decay = segment[2] != 0 ? adamw.weight_decay : 0;
      double* const segment_v = v.as<double>() + segment[3];
      for (int64_t i = segment[0]; i < segment[0] + segment[1]; ++i) {
        double &p = params.as<double>()[i], &mi = m.as<double>()[i],
               &vi = segment_v[i - segment[0]];
        const double g = grads.as<double>()[i] * state->output.clip_scale;
        mi = adamw.beta1 * mi + (1 - adamw.beta1) * g;
        vi = adamw.beta2 * vi + (1 - adamw.beta2) * g * g;
        const double m_hat = mi / in.beta1_correction, v_hat = vi / in.beta2_correction;
        p -= in.lr * (m_hat / (std::sqrt(v_hat) + adamw.eps) + decay * p);
      }
    }
  });
}

}  // namespace isoflop
