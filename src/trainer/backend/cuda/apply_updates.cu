// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/cuda_ops.hpp"
#include "trainer/backend/cuda/segment_update.cuh"
#include "trainer/backend/op_contracts.hpp"

namespace isoflop {
namespace {

using namespace gpu;

/// Parameters and their updates.
struct Updated {
  float* params;
  const float* updates;
};

template <int kSize>
__device__ void apply(const Updated& at, float lr, float decay, Norms& norms) {
  Pack<kSize> p = load<kSize>(at.params);
  const Pack<kSize> updates = load<kSize>(at.updates);
  for (int i = 0; i < kSize; ++i) {
    const float change = lr * (updates[i] + decay * p[i]);
    p[i] -= change;
    norms.take(p[i], change);
  }
  store(at.params, p);
}

/// parts (n, gridDim.y): a segment per block along x, shared by the blocks along y. Reads updates
/// and parameters, writes these: 12 bytes an element.
__global__ void __launch_bounds__(kThreads)
    apply_updates_kernel(Norms* parts, Updated all, const UpdateSegment* segments,
                         const StepState* state, double weight_decay) {
  if (state->output.skip != 0) return;
  const UpdateSegment& segment = segments[blockIdx.x];
  if (!has_elements(segment.size)) return store_norms(parts, {});
  const Updated start{all.params + segment.params, all.updates + segment.grads};
  const auto lr = static_cast<float>(state->input.lr);
  const float decay = segment.decayed != 0 ? static_cast<float>(weight_decay) : 0.0f;
  Norms norms;
  for_segment(segment.size, are_aligned(start.params, start.updates),
              [&]<int kSize>(int64_t first) {
                apply<kSize>({start.params + first, start.updates + first}, lr, decay, norms);
              });
  store_block_norms(parts, norms);
}

}  // namespace

void CudaOps::apply_updates(const Exec& exec, TensorView params, TensorView updates,
                            TensorView segments, TensorView norms, const StepState* state,
                            double weight_decay) {
  check_apply_updates(params, updates, segments, norms);
  const UpdateSegment* const table = update_segments(segments);
  const LaunchShape shape = segment_shape("apply_updates", segments.extent(0), updates.size(),
                                          {2 * updates.bytes(), updates.bytes()});
  const Arena::Scope scope(exec.arena);
  Norms* const parts = take_norm_parts(exec, shape);
  launch(native_stream(exec), shape, apply_updates_kernel, parts,
         Updated{params.as<float>(), updates.as<float>()}, table, state, weight_decay);
  join_norms(exec, norms, parts, shape, table, state);
}

}  // namespace isoflop
