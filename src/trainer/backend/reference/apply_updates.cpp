// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/op_contracts.hpp"
#include "trainer/backend/reference/reference_ops.hpp"
#include "trainer/backend/update_segment.hpp"

namespace isoflop {

void ReferenceOps::apply_updates(const Exec& exec, TensorView params, TensorView updates,
                                 TensorView segments, TensorView norms, const StepState* state,
                                 double weight_decay) {
  check_apply_updates(params, updates, segments, norms);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    if (state->output.skip != 0) return;
    for (int64_t s = 0; s < segments.extent(0); ++s) {
      const UpdateSegment& segment = update_segments(segments)[s];
      const double decay = segment.decayed != 0 ? weight_decay : 0;
      double* const norm = norms.as<double>() + 2 * segment.tensor;
      for (int64_t i = 0; i < segment.size; ++i) {
        double& p = params.as<double>()[segment.params + i];
        const double update = updates.as<double>()[segment.grads + i];
        const double change = state->input.lr * (update + decay * p);
        p -= change;
        norm[0] += p * p;
        norm[1] += change * change;
      }
    }
  });
}

}  // namespace isoflop
