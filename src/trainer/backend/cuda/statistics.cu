// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/cuda_ops.hpp"
#include "trainer/backend/cuda/element.cuh"
#include "trainer/backend/cuda/grid.cuh"
#include "trainer/backend/cuda/launch.cuh"
#include "trainer/backend/cuda/reduce.cuh"
#include "trainer/backend/cuda/scratch.hpp"
#include "trainer/backend/op_contracts.hpp"
#include "trainer/backend/step_state.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace isoflop {
namespace {

using namespace gpu;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int kPack = kPackSize<float>;
/// Parts that a segment is cut into at most, one per thread when they are joined, and what a part
/// has of a segment as large as the whole at least.
constexpr int64_t kMostParts = 128, kFewestElements = 16384;

/// What segment_statistics reports, in its order.
struct Statistics {
  double sum = 0, sum_of_squares = 0, nonfinite = 0;
  double negated_min = -kInfinity, max = -kInfinity;

  __device__ void take(float element) {
    const double value = static_cast<double>(element);
    if (!std::isfinite(element)) {
      nonfinite += 1;
      return;
    }
    sum += value;
    sum_of_squares += value * value;
    negated_min = Max::join(negated_min, -value);
    max = Max::join(max, value);
  }
};

/// The statistics of all threads' together.
__device__ Statistics join_block(const Statistics& of_thread, double* scratch) {
  return {.sum = block_sum(of_thread.sum, scratch),
          .sum_of_squares = block_sum(of_thread.sum_of_squares, scratch),
          .nonfinite = block_sum(of_thread.nonfinite, scratch),
          .negated_min = block_max(of_thread.negated_min, scratch),
          .max = block_max(of_thread.max, scratch)};
}

/// Whether the block has an element: few blocks do of a segment that is small beside the whole.
__device__ bool has_elements(int64_t size) {
  return static_cast<int64_t>(blockIdx.y) * kThreads * kPack < size;
}

/// Of the thread's packs of a segment, a row of blocks apart.
__device__ Statistics statistics_of(const float* values, int64_t size) {
  const bool aligned = reinterpret_cast<std::uintptr_t>(values) % kPackBytes == 0;
  const int64_t stride = static_cast<int64_t>(gridDim.y) * kThreads * kPack;
  const int64_t thread = static_cast<int64_t>(blockIdx.y) * kThreads + threadIdx.x;
  Statistics result;
  for (int64_t first = thread * kPack; first < size; first += stride) {
    if (aligned && first + kPack <= size) {
      const Pack<kPack> pack = load<kPack>(values + first);
      for (int i = 0; i < kPack; ++i) result.take(pack[i]);
    } else {
      for (int64_t i = first; i < first + kPack && i < size; ++i) result.take(values[i]);
    }
  }
  return result;
}

/// parts (n, gridDim.y): a segment (offset, size) per block along x, cut into parts along y.
__global__ void __launch_bounds__(kThreads)
    statistics_of_parts_kernel(Statistics* parts, const float* flat, const int64_t* segments) {
  const int64_t* const segment = segments + 2 * static_cast<int64_t>(blockIdx.x);
  Statistics joined;
  if (has_elements(segment[1]))
    joined = join_block(statistics_of(flat + segment[0], segment[1]), dynamic_shared<double>());
  if (threadIdx.x == 0) parts[static_cast<int64_t>(blockIdx.x) * gridDim.y + blockIdx.y] = joined;
}

/// One segment per block, one part per thread.
__global__ void __launch_bounds__(kMostParts)
    join_statistics_kernel(double* sums, double* extremes, const Statistics* parts,
                           int64_t n_part) {
  const int64_t segment = blockIdx.x;
  Statistics of_thread;
  if (threadIdx.x < n_part) of_thread = parts[segment * n_part + threadIdx.x];
  const Statistics joined = join_block(of_thread, dynamic_shared<double>());
  if (threadIdx.x != 0) return;
  sums[3 * segment] = joined.sum;
  sums[3 * segment + 1] = joined.sum_of_squares;
  sums[3 * segment + 2] = joined.nonfinite;
  extremes[2 * segment] = joined.negated_min;
  extremes[2 * segment + 1] = joined.max;
}

/// One block.
__global__ void __launch_bounds__(kThreads)
    clip_kernel(StepState* state, const double* sums, int64_t n, double max_norm) {
  double squares = 0, nonfinite = 0;
  for (int64_t i = threadIdx.x; i < n; i += kThreads) {
    squares += sums[3 * i + 1];
    nonfinite += sums[3 * i + 2];
  }
  squares = block_sum(squares, dynamic_shared<double>());
  nonfinite = block_sum(nonfinite, dynamic_shared<double>());
  if (threadIdx.x != 0) return;
  const double scale = state->loss_scale.scale, norm = sqrt(squares) / scale;
  state->output.grad_norm = norm;
  state->output.clip_scale = (max_norm > 0 && norm > max_norm ? max_norm / norm : 1) / scale;
  state->output.nonfinite = nonfinite;
  state->output.skip = nonfinite > 0 ? 1 : 0;
  state->n_update += 1 - state->output.skip;
}

}  // namespace

int64_t statistics_scratch_bytes(int64_t n_segments) {
  return n_segments * kMostParts * static_cast<int64_t>(sizeof(Statistics));
}

void CudaOps::segment_statistics(const Exec& exec, TensorView sums, TensorView extremes,
                                 TensorView flat, TensorView segments) {
  check_statistics(sums, extremes, flat, segments);
  const int64_t n = segments.extent(0);
  const int64_t n_part = std::clamp<int64_t>(n_parts(flat.size(), kFewestElements), 1, kMostParts);
  const Arena::Scope scope(exec.arena);
  constexpr int64_t kDoubles = sizeof(Statistics) / sizeof(double);
  const Extents shape{n, n_part, kDoubles};
  const int64_t part_bytes = shape.product() * size_of(DType::f64);
  auto* const parts = static_cast<Statistics*>(exec.arena.allocate(DType::f64, shape).data);
  const cudaStream_t stream = native_stream(exec);
  launch(stream,
         {"statistics_of_parts",
          n,
          kThreads,
          kReduceBytes,
          n_part,
          {flat.bytes() + segments.bytes(), part_bytes}},
         statistics_of_parts_kernel, parts, flat.as<float>(), segments.as<int64_t>());
  launch(stream,
         {"join_statistics",
          n,
          static_cast<int>(kMostParts),
          kReduceBytes,
          1,
          {part_bytes, sums.bytes() + extremes.bytes()}},
         join_statistics_kernel, sums.as<double>(), extremes.as<double>(), parts, n_part);
}

void CudaOps::clip_by_global_norm(const Exec& exec, StepState* state, TensorView sums,
                                  double max_norm) {
  launch(native_stream(exec),
         {"clip_by_global_norm",
          1,
          kThreads,
          kReduceBytes,
          1,
          {sums.bytes() * 2 / 3, static_cast<int64_t>(sizeof(StepState))}},
         clip_kernel, state, sums.as<double>(), sums.extent(0), max_norm);
}

}  // namespace isoflop
