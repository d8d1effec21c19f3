// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/cuda_ops.hpp"
#include "trainer/backend/cuda/dispatch.cuh"
#include "trainer/backend/cuda/grid.cuh"
#include "trainer/backend/cuda/launch.cuh"
#include "trainer/backend/cuda/scratch.hpp"
#include "trainer/backend/cuda/token_sort.hpp"
#include "trainer/backend/op_contracts.hpp"

namespace isoflop {
namespace {

using namespace gpu;

/// Sorted positions whose rows a block adds up.
constexpr int kChunk = 128;

/// out = wte[token] + wpe[position], one pack per thread; reads two rows and writes one per token.
template <typename T, int kPack>
__global__ void __launch_bounds__(kThreads)
    forward_kernel(T* out, const int32_t* tokens, const T* wte, const T* wpe, int64_t seq_len,
                   int64_t d_model, int64_t n) {
  const int64_t first = global_thread() * kPack;
  if (first >= n) return;
  const int64_t row = first / d_model, column = first % d_model;
  Pack<kPack> sum = load<kPack>(wte + tokens[row] * d_model + column);
  if (wpe != nullptr) {
    const Pack<kPack> position = load<kPack>(wpe + row % seq_len * d_model + column);
    for (int i = 0; i < kPack; ++i) sum[i] += position[i];
  }
  store(out + first, sum);
}

/// d_wpe (T, C) += sum over the batch of d_out (B, T, C), one pack per thread, sequences in order.
template <typename T, int kPack>
__global__ void __launch_bounds__(kThreads)
    position_kernel(float* d_wpe, const T* d_out, int64_t batch_size, int64_t n) {
  const int64_t first = global_thread() * kPack;
  if (first >= n) return;
  Pack<kPack> sum{};
  for (int64_t b = 0; b < batch_size; ++b) {
    const Pack<kPack> row = load<kPack>(d_out + b * n + first);
    for (int i = 0; i < kPack; ++i) sum[i] += row[i];
  }
  const Pack<kPack> before = load<kPack>(d_wpe + first);
  for (int i = 0; i < kPack; ++i) sum[i] += before[i];
  store(d_wpe + first, sum);
}

/// Rows of d_out in the order of their tokens. A run is a stretch of equal tokens.
struct Runs {
  const TokenPosition* sorted;
  int64_t n;
  __device__ bool continues_before(int64_t i) const {
    return i > 0 && sorted[i - 1].token == sorted[i].token;
  }
};

/// Of each chunk of sorted positions (kChunk), the sums of the two runs that may reach beyond it:
/// `head` began before, `tail` begins in the chunk and goes on behind.
struct PartialSums {
  float* data;  // (chunks, 2, C)
  int64_t d_model;
  __device__ float* head(int64_t chunk) const { return data + chunk * 2 * d_model; }
  __device__ float* tail(int64_t chunk) const { return head(chunk) + d_model; }
};

/// A block adds up the rows of one chunk, a column per thread, in order of position. Runs that lie
/// within the chunk go to d_wte, which no other block then touches; the others to partial sums.
template <typename T>
__global__ void __launch_bounds__(kThreads)
    chunk_kernel(float* d_wte, PartialSums partials, Runs runs, const T* d_out, int64_t d_model) {
  const int64_t column = int64_t{blockIdx.y} * kThreads + threadIdx.x;
  if (column >= d_model) return;
  const int64_t chunk = blockIdx.x, begin = chunk * kChunk;
  const int64_t end = begin + kChunk < runs.n ? begin + kChunk : runs.n;
  bool began_before = runs.continues_before(begin);
  float sum = 0;
  for (int64_t i = begin; i < end; ++i) {
    const TokenPosition item = runs.sorted[i];
    sum += to_float(d_out[item.position * d_model + column]);
    const bool goes_on = i + 1 < runs.n && runs.continues_before(i + 1);
    if (goes_on && i + 1 < end) continue;
    if (began_before)
      partials.head(chunk)[column] = sum;
    else if (goes_on)
      partials.tail(chunk)[column] = sum;
    else
      d_wte[item.token * d_model + column] += sum;
    began_before = false;
    sum = 0;
  }
}

/// A block adds the run that begins in its chunk and goes on behind, if there is one, to d_wte: its
/// partial sums in order of chunk.
__global__ void __launch_bounds__(kThreads)
    crossing_run_kernel(float* d_wte, PartialSums partials, Runs runs, int64_t d_model) {
  const int64_t column = int64_t{blockIdx.y} * kThreads + threadIdx.x;
  const int64_t next = (int64_t{blockIdx.x} + 1) * kChunk;
  if (column >= d_model || next >= runs.n || !runs.continues_before(next)) return;
  const int32_t token = runs.sorted[next].token;
  const int64_t begin = next - kChunk;
  if (runs.sorted[begin].token == token && runs.continues_before(begin)) return;
  float sum = partials.tail(blockIdx.x)[column];
  for (int64_t i = next; i < runs.n && runs.sorted[i].token == token; i += kChunk)
    sum += partials.head(i / kChunk)[column];
  d_wte[token * d_model + column] += sum;
}

template <typename T>
void add_token_rows(const Exec& exec, TensorView d_wte, TensorView tokens, TensorView d_out) {
  const Arena::Scope scope(exec.arena);
  const int64_t n = tokens.size(), C = d_wte.extent(1), n_chunk = n_parts(n, kChunk);
  const Runs runs{sort_tokens(exec, tokens, d_wte.extent(0)), n};
  const PartialSums partials{exec.arena.allocate(DType::f32, {n_chunk, 2, C}).as<float>(), C};
  const int64_t row_bytes = C * size_of(DType::f32);
  const auto token_bytes = static_cast<int64_t>(sizeof(TokenPosition));
  LaunchShape shape{.name = "embedding_backward_chunks",
                    .blocks = n_chunk,
                    .threads = kThreads,
                    .blocks_y = n_parts(C, kThreads),
                    .bytes = {d_out.bytes() + n * (row_bytes + token_bytes), n * row_bytes, true}};
  launch(native_stream(exec), shape, chunk_kernel<T>, d_wte.as<float>(), partials, runs,
         static_cast<const T*>(d_out.data), C);
  shape.name = "embedding_backward_crossing_runs";
  shape.blocks = n_chunk - 1;
  shape.bytes = {3 * n_chunk * row_bytes, n_chunk * row_bytes, true};
  launch(native_stream(exec), shape, crossing_run_kernel, d_wte.as<float>(), partials, runs, C);
}

}  // namespace

int64_t embedding_scratch_bytes(int64_t n_tokens, int64_t d_model) {
  return token_sort_scratch_bytes(n_tokens) +
         aligned_bytes(n_parts(n_tokens, kChunk) * 2 * d_model * size_of(DType::f32));
}

/// Tokens are within the vocabulary: the data loader has checked them.
void CudaOps::embedding_forward(const Exec& exec, TensorView out, TensorView tokens, TensorView wte,
                                TensorView wpe) {
  check_embedding(out, tokens, wte, wpe);
  const int64_t T = tokens.extent(1), C = wte.extent(1);
  with_pack(out.dtype, C, {out, wte, wpe}, [&]<typename E, int kPack>() {
    launch(native_stream(exec),
           {"embedding_forward",
            blocks_for(out.size(), kPack),
            kThreads,
            0,
            1,
            {out.bytes() + wpe.bytes() + tokens.bytes(), out.bytes()}},
           forward_kernel<E, kPack>, static_cast<E*>(out.data), tokens.as<int32_t>(),
           static_cast<const E*>(wte.data), static_cast<const E*>(wpe.data), T, C, out.size());
  });
}

/// Equal tokens are brought together by a stable sort, so that every row of d_wte has its addends
/// in order of position: no atomics, the same bits every time.
void CudaOps::embedding_backward(const Exec& exec, TensorView d_wte, TensorView d_wpe,
                                 TensorView tokens, TensorView d_out) {
  check_embedding(d_out, tokens, d_wte, d_wpe);
  with_dtype(d_out.dtype, [&]<typename E>() { add_token_rows<E>(exec, d_wte, tokens, d_out); });
  if (!d_wpe) return;
  const int64_t B = tokens.extent(0), n = d_out.size() / B;
  with_pack(d_out.dtype, d_wpe.extent(1), {d_out, d_wpe}, [&]<typename E, int kPack>() {
    launch(native_stream(exec),
           {"embedding_backward_positions",
            blocks_for(n, kPack),
            kThreads,
            0,
            1,
            {d_out.bytes() + d_wpe.bytes(), d_wpe.bytes()}},
           position_kernel<E, kPack>, d_wpe.as<float>(), static_cast<const E*>(d_out.data), B, n);
  });
}

}  // namespace isoflop
