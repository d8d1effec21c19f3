// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/column_sum.cuh"
#include "trainer/backend/cuda/column_sum.hpp"
#include "trainer/backend/cuda/cuda_device.hpp"
#include "trainer/backend/cuda/dispatch.cuh"
#include "trainer/backend/cuda/scratch.hpp"

namespace isoflop {
namespace {

using namespace gpu;

/// Blocks are few, columns / kWarpSize: the more threads each.
constexpr int kPartialThreads = kMaxWarps * kWarpSize;

/// One column per lane; the warps of a block take parts in turn, and the first adds up theirs.
__global__ void __launch_bounds__(kPartialThreads)
    add_partials_kernel(float* out, const float* partials, int64_t parts, int64_t columns) {
  float* const of_warps = dynamic_shared<float>();  // (kMaxWarps, kWarpSize)
  const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
  const int warp = static_cast<int>(threadIdx.x) / kWarpSize;
  const int64_t column = static_cast<int64_t>(blockIdx.x) * kWarpSize + lane;
  float sum = 0;
  if (column < columns)
#pragma unroll 4
    for (int64_t part = warp; part < parts; part += kMaxWarps)
      sum += partials[part * columns + column];
  of_warps[threadIdx.x] = sum;
  __syncthreads();
  if (warp > 0 || column >= columns) return;
  sum = 0;
  for (int w = 0; w < kMaxWarps; ++w) sum += of_warps[w * kWarpSize + lane];
  out[column] += sum;
}

template <typename T, int kPack>
__global__ void __launch_bounds__(kThreads)
    column_sum_kernel(float* partials, const T* in, int64_t rows, int64_t per_part,
                      int64_t columns) {
  sum_rows_of_part<kPack, 1>(partials, rows, per_part, columns, [=](int64_t row, int64_t column) {
    return ColumnValues<kPack, 1>{{load<kPack>(in + row * columns + column)}};
  });
}

}  // namespace

void gpu::add_partials(const Exec& exec, TensorView out, const float* partials, int64_t parts) {
  launch(native_stream(exec),
         {"add_partials",
          n_parts(out.size(), kWarpSize),
          kPartialThreads,
          kPartialThreads * static_cast<int64_t>(sizeof(float)),
          1,
          {(parts + 1) * out.bytes(), out.bytes()}},
         add_partials_kernel, out.as<float>(), partials, parts, out.size());
}

int64_t column_sum_scratch_bytes(int64_t rows, int64_t columns) {
  return n_row_parts(rows) * columns * static_cast<int64_t>(sizeof(float));
}

void add_column_sums(const Exec& exec, TensorView d_bias, TensorView d_out) {
  const int64_t rows = d_out.extent(0), columns = d_out.extent(1);
  const Arena::Scope scope(exec.arena);
  const int64_t parts = n_row_parts(rows);
  float* const partials = exec.arena.allocate(DType::f32, {parts, columns}).as<float>();
  with_pack(d_out.dtype, columns, {d_out}, [&]<typename T, int kPack>() {
    launch(native_stream(exec),
           column_sum_shape<kPack, 1>("column_sum", rows, columns, d_out.bytes()),
           column_sum_kernel<T, kPack>, partials, static_cast<const T*>(d_out.data), rows,
           rows_per_part(rows), columns);
  });
  add_partials(exec, d_bias, partials, parts);
}

}  // namespace isoflop
