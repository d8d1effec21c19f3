// SPDX-License-Identifier: MIT
#include "core/model/architecture.hpp"
#include "trainer/backend/cuda/column_sum.cuh"
#include "trainer/backend/cuda/cuda_ops.hpp"
#include "trainer/backend/cuda/dispatch.cuh"
#include "trainer/backend/cuda/element.cuh"
#include "trainer/backend/cuda/grid.cuh"
#include "trainer/backend/cuda/launch.cuh"
#include "trainer/backend/cuda/norm_row.cuh"
#include "trainer/backend/cuda/reduce.cuh"
#include "trainer/backend/cuda/scratch.hpp"
#include "trainer/backend/op_contracts.hpp"

#include <algorithm>

namespace isoflop {
namespace {

using namespace gpu;

/// A row has a block; scratch, in shared memory, is that of block_sum().
struct ThreadsOfBlock {
  float* scratch;
  __device__ int index() const { return static_cast<int>(threadIdx.x); }
  __device__ int count() const { return static_cast<int>(blockDim.x); }
  __device__ float sum(float value) const { return block_sum(value, scratch); }
};

/// x = in + delta, as rounded by T; delta and the copy to x may be left out.
/// Returns the sum of x over the thread's columns.
template <int kPack, typename T>
__device__ float add_row(const ThreadsOfBlock& threads, T* x, const T* in, const T* delta,
                         int64_t C) {
  float sum = 0;
  for_columns<kPack>(threads, C, [&](int64_t column) {
    Pack<kPack> values = load<kPack>(in + column);
    if (delta != nullptr) {
      const Pack<kPack> more = load<kPack>(delta + column);
      for (int i = 0; i < kPack; ++i) values[i] += more[i];
    }
    if (x != in || delta != nullptr) store(x + column, values);
    for (int i = 0; i < kPack; ++i) sum += to_float(from_float<T>(values[i]));
  });
  return sum;
}

template <typename T>
struct NormForward {
  T *residual, *out;
  float* stats;
  const T *residual_in, *delta, *weight, *bias;
  int64_t C;
  bool centred;
  float eps;
};

/// One row per block. Threads read again only what they wrote themselves or
/// nobody writes, from cache; the norm is that of the residual as stored, which
/// the backward pass will see.
template <typename T, int kPack>
__global__ void __launch_bounds__(kThreads) norm_forward_kernel(NormForward<T> norm) {
  const ThreadsOfBlock threads{dynamic_shared<float>()};
  const int64_t C = norm.C, start = static_cast<int64_t>(blockIdx.x) * C;
  T* const x = norm.residual + start;
  const T* const delta = norm.delta == nullptr ? nullptr : norm.delta + start;
  const float sum = add_row<kPack>(threads, x, norm.residual_in + start, delta, C);
  const RowStats stats = row_stats<kPack>(threads, x, sum, C, norm.centred, norm.eps);
  if (threadIdx.x == 0) store_stats(norm.stats, blockIdx.x, norm.centred, stats);
  normalise<kPack>(threads, norm.out + start, x, norm.weight, norm.bias, stats, C);
}

/// Of norm_backward_kernel, for one sum over rows: floats of shared memory.
__host__ __device__ int64_t sums_of_columns(int64_t C, int pack, int threads) {
  const int64_t per_turn = int64_t{pack} * threads;
  return (C + per_turn - 1) / per_turn * per_turn;
}

template <typename T>
struct NormBackward {
  T* d_residual;
  const T *d_out, *residual, *weight;
  const float* stats;
  int64_t M, C;
  bool centred;
};

template <typename T>
__device__ GradientOperands<T> operands_of(const NormBackward<T>& norm, int64_t row,
                                           const RowStats& stats) {
  return {norm.d_out + row * norm.C, norm.residual + row * norm.C, norm.weight, stats};
}

template <int kPack, typename T>
__device__ void add_row_gradient(const NormBackward<T>& norm, int64_t row, int64_t column,
                                 const RowStats& stats, float mean_g, float mean_g_xhat) {
  const Gradient<kPack> at = load_gradient<kPack>(operands_of(norm, row, stats), column);
  T* const out = norm.d_residual + row * norm.C + column;
  Pack<kPack> sum = load<kPack>(out);
  for (int i = 0; i < kPack; ++i)
    sum[i] += stats.rstd * (at.g[i] - mean_g - at.xhat[i] * mean_g_xhat);
  store(out, sum);
}

/// One row per block: d_residual += rstd (g - mean(g) - xhat mean(g xhat));
/// without mean(g) for norms that do not centre.
template <typename T, int kPack>
__global__ void __launch_bounds__(kThreads) norm_backward_rows_kernel(NormBackward<T> norm) {
  const ThreadsOfBlock threads{dynamic_shared<float>()};
  const int64_t row = blockIdx.x, C = norm.C;
  const RowStats stats = load_stats(norm.stats, row, norm.centred);
  float sum_g = 0, sum_g_xhat = 0;
  for_columns<kPack>(threads, C, [&](int64_t column) {
    const Gradient<kPack> at = load_gradient<kPack>(operands_of(norm, row, stats), column);
    for (int i = 0; i < kPack; ++i) {
      sum_g += at.g[i];
      sum_g_xhat += at.g[i] * at.xhat[i];
    }
  });
  const float n = static_cast<float>(C);
  const float mean_g = norm.centred ? threads.sum(sum_g) / n : 0.0f;
  const float mean_g_xhat = threads.sum(sum_g_xhat) / n;
  for_columns<kPack>(threads, C, [&](int64_t column) {
    add_row_gradient<kPack>(norm, row, column, stats, mean_g, mean_g_xhat);
  });
}

/// Adds to the thread's sums of a column, in shared memory with a place for
/// each thread's pack, so that neither threads nor banks meet.
template <int kPack>
__device__ void add_to_sums(float* sums, int64_t column, const Pack<kPack>& more) {
  float* const own = sums + column / kPack / blockDim.x * kPack * blockDim.x + threadIdx.x;
  for (int i = 0; i < kPack; ++i) own[i * blockDim.x] += more[i];
}

/// Both gradients in one pass over some rows, a row of blocks after the other:
/// d_residual as norm_backward_rows_kernel, and the block's partial sums of
/// d_out xhat and, where there is a bias, of d_out.
template <typename T, int kPack, int kSums>
__global__ void __launch_bounds__(kThreads)
    norm_backward_kernel(float* partials, NormBackward<T> norm, int64_t per_block) {
  const ThreadsOfBlock threads{dynamic_shared<float>()};
  float* const sums = threads.scratch + kMaxWarps;
  const int64_t C = norm.C, begin = blockIdx.x * per_block;
  const int64_t end = begin + per_block < norm.M ? begin + per_block : norm.M;
  const int64_t per_sum = sums_of_columns(C, kPack, static_cast<int>(blockDim.x));
  for (int64_t i = threadIdx.x; i < kSums * per_sum; i += blockDim.x) sums[i] = 0;
  for (int64_t row = begin; row < end; ++row) {
    const RowStats stats = load_stats(norm.stats, row, norm.centred);
    float sum_g = 0, sum_g_xhat = 0;
    for_columns<kPack>(threads, C, [&](int64_t column) {
      const Pack<kPack> d_out = load<kPack>(norm.d_out + row * C + column);
      const Pack<kPack> x = load<kPack>(norm.residual + row * C + column);
      const Pack<kPack> weight = load<kPack>(norm.weight + column);
      Pack<kPack> d_weight;
      for (int i = 0; i < kPack; ++i) {
        const float xhat = (x[i] - stats.mean) * stats.rstd;
        d_weight[i] = d_out[i] * xhat;
        sum_g += d_out[i] * weight[i];
        sum_g_xhat += d_out[i] * weight[i] * xhat;
      }
      add_to_sums<kPack>(sums, column, d_weight);
      if constexpr (kSums == 2) add_to_sums<kPack>(sums + per_sum, column, d_out);
    });
    const float n = static_cast<float>(C);
    const float mean_g = norm.centred ? threads.sum(sum_g) / n : 0.0f;
    const float mean_g_xhat = threads.sum(sum_g_xhat) / n;
    for_columns<kPack>(threads, C, [&](int64_t column) {
      add_row_gradient<kPack>(norm, row, column, stats, mean_g, mean_g_xhat);
    });
  }
  for_columns<kPack>(threads, C, [&](int64_t column) {
    const float* const own = sums + column / kPack / blockDim.x * kPack * blockDim.x + threadIdx.x;
    for (int s = 0; s < kSums; ++s)
      for (int i = 0; i < kPack; ++i)
        partials[(s * static_cast<int64_t>(gridDim.x) + blockIdx.x) * C + column + i] =
            own[s * per_sum + i * blockDim.x];
  });
}

/// Partial sums over rows of d_out xhat, for the weight, and of d_out, for the
/// bias.
template <typename T, int kPack, int kSums>
__global__ void __launch_bounds__(kThreads)
    norm_backward_columns_kernel(float* partials, NormBackward<T> norm, int64_t per_part) {
  sum_rows_of_part<kPack, kSums>(
      partials, norm.M, per_part, norm.C, [=](int64_t row, int64_t column) {
        const RowStats stats = load_stats(norm.stats, row, norm.centred);
        const Pack<kPack> d_out = load<kPack>(norm.d_out + row * norm.C + column);
        const Pack<kPack> x = load<kPack>(norm.residual + row * norm.C + column);
        ColumnValues<kPack, kSums> result;
        for (int i = 0; i < kPack; ++i)
          result.values[0][i] = d_out[i] * ((x[i] - stats.mean) * stats.rstd);
        if constexpr (kSums == 2) result.values[1] = d_out;
        return result;
      });
}

/// One row per block.
LaunchShape row_shape(const char* name, int64_t rows, int64_t columns, int pack,
                      KernelBytes bytes) {
  return {name, rows, threads_for(n_parts(columns, pack)), kMaxWarps * sizeof(float), 1, bytes};
}

/// Of norm_backward_kernel: 1024 threads on each of 132 multiprocessors, however few a block has,
/// and rows of a block whose traffic is four times that of its partial sums at least.
constexpr int64_t kMostThreads = 132 * 1024, kFewestRows = 8;

int64_t rows_per_block(int64_t rows, int threads) {
  return std::max(kFewestRows, n_parts(rows, kMostThreads / threads));
}
int64_t n_row_blocks(int64_t rows, int threads) {
  return n_parts(rows, rows_per_block(rows, threads));
}
/// Of the narrowest blocks, those of the widest packs; never fewer for more rows.
int64_t most_row_blocks(int64_t rows, int64_t columns) {
  const int threads = threads_for(n_parts(columns, kPackSize<__nv_bfloat16>));
  return std::min(n_parts(rows, kFewestRows), kMostThreads / threads);
}

/// What a block may have without being asked for more.
constexpr int64_t kSharedBytes = int64_t{48} << 10;

template <int kSums, int kPack>
LaunchShape one_pass_shape(int64_t rows, int64_t columns, KernelBytes bytes) {
  const int threads = threads_for(n_parts(columns, kPack));
  const int64_t floats = kMaxWarps + kSums * sums_of_columns(columns, kPack, threads);
  const int64_t blocks = n_row_blocks(rows, threads);
  bytes.written += kSums * blocks * columns * static_cast<int64_t>(sizeof(float));
  return {"norm_backward", blocks, threads, floats * static_cast<int64_t>(sizeof(float)), 1, bytes};
}

/// Rows of any width are taken in one pass as far as shared memory holds a sum
/// for each column.
template <int kSums, int kPack, typename T>
bool backward_in_one_pass(const Exec& exec, TensorView d_weight, TensorView d_bias,
                          const NormBackward<T>& norm, const KernelBytes& bytes) {
  const LaunchShape shape = one_pass_shape<kSums, kPack>(norm.M, norm.C, bytes);
  if (shape.shared_bytes > kSharedBytes) return false;
  const Extents extents{int64_t{kSums}, shape.blocks, norm.C};
  float* const partials = exec.arena.allocate(DType::f32, extents).as<float>();
  launch(native_stream(exec), shape, norm_backward_kernel<T, kPack, kSums>, partials, norm,
         rows_per_block(norm.M, shape.threads));
  add_partials(exec, d_weight, partials, shape.blocks);
  if constexpr (kSums == 2)
    add_partials(exec, d_bias, partials + shape.blocks * norm.C, shape.blocks);
  return true;
}

template <int kSums, int kPack, typename T>
void add_weight_gradients(const Exec& exec, TensorView d_weight, TensorView d_bias,
                          const NormBackward<T>& norm, int64_t read_bytes) {
  const int64_t parts = n_row_parts(norm.M);
  const Extents shape{int64_t{kSums}, parts, norm.C};
  float* const partials = exec.arena.allocate(DType::f32, shape).as<float>();
  launch(native_stream(exec),
         column_sum_shape<kPack, kSums>("norm_backward_columns", norm.M, norm.C, read_bytes),
         norm_backward_columns_kernel<T, kPack, kSums>, partials, norm, rows_per_part(norm.M));
  add_partials(exec, d_weight, partials, parts);
  if constexpr (kSums == 2) add_partials(exec, d_bias, partials + parts * norm.C, parts);
}

template <int kSums, int kPack, typename T>
void norm_gradients(const Exec& exec, TensorView d_weight, TensorView d_bias,
                    const NormBackward<T>& norm, const KernelBytes& bytes) {
  if (backward_in_one_pass<kSums, kPack>(exec, d_weight, d_bias, norm, bytes)) return;
  launch(native_stream(exec), row_shape("norm_backward_rows", norm.M, norm.C, kPack, bytes),
         norm_backward_rows_kernel<T, kPack>, norm);
  const int64_t rows_read = bytes.read - bytes.written;
  add_weight_gradients<kSums, kPack>(exec, d_weight, d_bias, norm, rows_read);
}

}  // namespace

int64_t norm_scratch_bytes(int64_t rows, int64_t columns) {
  const int64_t most_parts = std::max(most_row_blocks(rows, columns), n_row_parts(rows));
  return 2 * most_parts * columns * static_cast<int64_t>(sizeof(float));
}

void CudaOps::residual_norm_forward(const Exec& exec, TensorView residual, TensorView out,
                                    TensorView stats, TensorView residual_in, TensorView delta,
                                    TensorView weight, TensorView bias, const NormParams& params) {
  check_norm(residual, out, stats, weight, bias, params);
  const int64_t M = out.extent(0), C = out.extent(1);
  const bool keeps_sum = residual.data != residual_in.data || delta;
  const KernelBytes forward_bytes{
      residual_in.bytes() + delta.bytes() + weight.bytes() + bias.bytes(),
      out.bytes() + stats.bytes() + (keeps_sum ? residual.bytes() : 0)};
  with_pack(out.dtype, C, {residual, out, residual_in, delta, weight, bias},
            [&]<typename T, int kPack>() {
              const NormForward<T> norm{.residual = static_cast<T*>(residual.data),
                                        .out = static_cast<T*>(out.data),
                                        .stats = stats.as<float>(),
                                        .residual_in = static_cast<const T*>(residual_in.data),
                                        .delta = static_cast<const T*>(delta.data),
                                        .weight = static_cast<const T*>(weight.data),
                                        .bias = static_cast<const T*>(bias.data),
                                        .C = C,
                                        .centred = row_of(params.kind).centred,
                                        .eps = static_cast<float>(params.eps)};
              launch(native_stream(exec), row_shape("norm_forward", M, C, kPack, forward_bytes),
                     norm_forward_kernel<T, kPack>, norm);
            });
}

void CudaOps::norm_backward(const Exec& exec, TensorView d_residual, TensorView d_weight,
                            TensorView d_bias, TensorView d_out, TensorView residual,
                            TensorView stats, TensorView weight, const NormParams& params) {
  check_norm(d_residual, d_out, stats, d_weight, d_bias, params);
  const int64_t M = d_out.extent(0), C = d_out.extent(1);
  const Arena::Scope scope(exec.arena);
  const int64_t rows_read = d_out.bytes() + residual.bytes() + stats.bytes();
  with_pack(d_out.dtype, C, {d_residual, d_out, residual, weight}, [&]<typename T, int kPack>() {
    const NormBackward<T> norm{.d_residual = static_cast<T*>(d_residual.data),
                               .d_out = static_cast<const T*>(d_out.data),
                               .residual = static_cast<const T*>(residual.data),
                               .weight = static_cast<const T*>(weight.data),
                               .stats = stats.as<float>(),
                               .M = M,
                               .C = C,
                               .centred = row_of(params.kind).centred};
    const KernelBytes bytes{rows_read + d_residual.bytes() + weight.bytes(), d_residual.bytes()};
    d_bias ? norm_gradients<2, kPack>(exec, d_weight, d_bias, norm, bytes)
           : norm_gradients<1, kPack>(exec, d_weight, d_bias, norm, bytes);
  });
}

}  // namespace isoflop
