// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/cpu/cpu_ops.hpp"
#include "trainer/backend/cpu/sum_in_parts.hpp"
#include "trainer/backend/cpu/update_norms.hpp"
#include "trainer/backend/cpu/vectorise.hpp"
#include "trainer/backend/op_contracts.hpp"
#include "trainer/backend/update_segment.hpp"

namespace isoflop {
namespace {

ISOFLOP_VECTORISE UpdateNorms apply(float* params, const float* updates, int64_t n, float lr,
                                    float decay) {
  double param_sum = 0, change_sum = 0;
#pragma omp simd reduction(+ : param_sum, change_sum)
  for (int64_t i = 0; i < n; ++i) {
    const float change = lr * (updates[i] + decay * params[i]);
    const float after = params[i] - change;
    params[i] = after;
    param_sum += static_cast<double>(after) * static_cast<double>(after);
    change_sum += static_cast<double>(change) * static_cast<double>(change);
  }
  return {param_sum, change_sum};
}

}  // namespace

void CpuOps::apply_updates(const Exec& exec, TensorView params, TensorView updates,
                           TensorView segments, TensorView norms, const StepState* state,
                           double weight_decay) {
  check_apply_updates(params, updates, segments, norms);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    if (state->output.skip != 0) return;
    const auto lr = static_cast<float>(state->input.lr);
    for (int64_t s = 0; s < segments.extent(0); ++s) {
      const UpdateSegment& at = update_segments(segments)[s];
      const float decay = at.decayed != 0 ? static_cast<float>(weight_decay) : 0.0f;
      float* const segment = params.as<float>() + at.params;
      const float* const update = updates.as<float>() + at.grads;
      add_norms(norms, at.tensor, sum_in_parts<UpdateNorms>(at.size, [&](int64_t first, int64_t n) {
                  return apply(segment + first, update + first, n, lr, decay);
                }));
    }
  });
}

}  // namespace isoflop
