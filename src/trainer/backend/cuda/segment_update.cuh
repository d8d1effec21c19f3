// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cuda/element.cuh"
#include "trainer/backend/cuda/grid.cuh"
#include "trainer/backend/cuda/launch.cuh"
#include "trainer/backend/cuda/reduce.cuh"
#include "trainer/backend/device.hpp"
#include "trainer/backend/step_state.hpp"
#include "trainer/backend/update_segment.hpp"

#include <cstdint>

/// What the optimizers' updates of segments share: which elements a thread takes, and how the norms
/// of a segment's blocks are joined in a fixed order.
namespace isoflop::gpu {

/// Sums of squares: of parameters after the update and of their change.
struct Norms {
  double params = 0, change = 0;

  __device__ void take(float param, float by) {
    params += static_cast<double>(param) * static_cast<double>(param);
    change += static_cast<double>(by) * static_cast<double>(by);
  }
};

/// Blocks that share a segment at most: no more than bring a GPU to full speed; a thread for each
/// joins their norms.
inline constexpr int64_t kMostSegmentBlocks = 256;
static_assert(kThreads >= kMostSegmentBlocks);

/// How a kernel on n segments is started: a segment per block along x, shared by the blocks along
/// y. Enough for the largest segment, whose size the host does not know: at least 4096 elements of
/// the n_elements of all a block.
/// `moved` is what it moves of the buffers at most.
LaunchShape segment_shape(const char* name, int64_t n_segments, int64_t n_elements,
                          KernelBytes moved);

/// Whether for_segment() gives the block an element. Where it gives none the block's norms are 0:
/// most blocks of a segment that is small beside the largest.
__device__ inline bool has_elements(int64_t size) {
  return static_cast<int64_t>(blockIdx.y) * kThreads * kPackSize<float> < size;
}

/// Calls f.template operator()<kSize>(i) for the elements [i, i + kSize) of a segment that are the
/// thread's: packs a grid apart where all buffers are `aligned`, else one by one.
template <typename F>
__device__ void for_segment(int64_t size, bool aligned, const F& f) {
  constexpr int kPack = kPackSize<float>;
  const int64_t stride = static_cast<int64_t>(gridDim.y) * kThreads * kPack;
  const int64_t thread = static_cast<int64_t>(blockIdx.y) * kThreads + threadIdx.x;
  for (int64_t first = thread * kPack; first < size; first += stride) {
    if (aligned && first + kPack <= size) {
      f.template operator()<kPack>(first);
    } else {
      for (int64_t i = first; i < first + kPack && i < size; ++i) f.template operator()<1>(i);
    }
  }
}

/// The block's norms into parts (n_segments, gridDim.y).
__device__ inline void store_norms(Norms* parts, const Norms& norms) {
  if (threadIdx.x == 0) parts[static_cast<int64_t>(blockIdx.x) * gridDim.y + blockIdx.y] = norms;
}

/// The same from those of all its threads.
__device__ inline void store_block_norms(Norms* parts, Norms norms) {
  norms.params = block_sum(norms.params, dynamic_shared<double>());
  norms.change = block_sum(norms.change, dynamic_shared<double>());
  store_norms(parts, norms);
}

/// Arena memory for the parts of a launch of that shape.
Norms* take_norm_parts(const Exec& exec, const LaunchShape& shape);
/// Enqueues norms (n_tensors, 2) += the parts; nothing in a skipped step.
void join_norms(const Exec& exec, TensorView norms, const Norms* parts, const LaunchShape& shape,
                const UpdateSegment* segments, const StepState* state);

/// Whether all addresses are multiples of 16 bytes.
template <typename... Pointers>
__device__ bool are_aligned(const Pointers*... pointers) {
  return ((reinterpret_cast<std::uintptr_t>(pointers) | ...) % kPackBytes) == 0;
}

}  // namespace isoflop::gpu
