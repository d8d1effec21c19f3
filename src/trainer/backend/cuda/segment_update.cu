// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/cuda_device.hpp"
#include "trainer/backend/cuda/scratch.hpp"
#include "trainer/backend/cuda/segment_update.cuh"

#include <algorithm>

namespace isoflop {
namespace {

using namespace gpu;

constexpr int64_t kDoubles = sizeof(Norms) / sizeof(double);

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

}  // namespace

int64_t segment_update_scratch_bytes(int64_t n_segments) {
  return n_segments * kMostSegmentBlocks * static_cast<int64_t>(sizeof(Norms));
}

LaunchShape gpu::segment_shape(const char* name, int64_t n_segments, int64_t n_elements,
                               KernelBytes moved) {
  constexpr int64_t kElements = int64_t{4} * kPackSize<float> * kThreads;
  const int64_t blocks = std::clamp<int64_t>(n_parts(n_elements, kElements), 1, kMostSegmentBlocks);
  const int64_t table_bytes = n_segments * static_cast<int64_t>(sizeof(UpdateSegment));
  const int64_t part_bytes = n_segments * blocks * static_cast<int64_t>(sizeof(Norms));
  return {name,         n_segments, kThreads,
          kReduceBytes, blocks,     {moved.read + table_bytes, moved.written + part_bytes, true}};
}

Norms* gpu::take_norm_parts(const Exec& exec, const LaunchShape& shape) {
  const Extents extents{shape.blocks, shape.blocks_y, kDoubles};
  return static_cast<Norms*>(exec.arena.allocate(DType::f64, extents).data);
}

void gpu::join_norms(const Exec& exec, TensorView norms, const Norms* parts,
                     const LaunchShape& shape, const UpdateSegment* segments,
                     const StepState* state) {
  const int64_t part_bytes = shape.blocks * shape.blocks_y * static_cast<int64_t>(sizeof(Norms));
  launch(native_stream(exec),
         {"join_norms",
          shape.blocks,
          kThreads,
          kReduceBytes,
          1,
          {part_bytes + norms.bytes(), norms.bytes()}},
         join_norms_kernel, norms.as<double>(), parts, shape.blocks_y, segments, state);
}

}  // namespace isoflop
