// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/cuda_device.hpp"
#include "trainer/backend/cuda/grid.cuh"
#include "trainer/backend/cuda/launch.cuh"
#include "trainer/backend/cuda/scratch.hpp"
#include "trainer/backend/cuda/token_sort.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace isoflop {
namespace {

constexpr int kDigitBits = 4;
constexpr int kDigits = 1 << kDigitBits;
constexpr int kMaxThreads = 512;
/// Tokens per thread below which fewer threads are started.
constexpr int64_t kTokensPerThread = 4;

/// Sum of the values of the threads before this one. scratch: 2 blockDim.x elements; a barrier must
/// come before its next use.
__device__ int exclusive_block_sum(int value, int* scratch) {
  const int thread = static_cast<int>(threadIdx.x), n = static_cast<int>(blockDim.x);
  int* from = scratch;
  int* to = scratch + n;
  from[thread] = value;
  for (int offset = 1; offset < n; offset *= 2) {
    __syncthreads();
    to[thread] = from[thread] + (thread >= offset ? from[thread - offset] : 0);
    int* const swapped = from;
    from = to;
    to = swapped;
  }
  return from[thread] - value;
}

/// counts (kDigits, blockDim.x) become the sums of all counts before, row by row: the place of a
/// digit's first token among all, of one thread's share. scratch: 2 blockDim.x elements.
__device__ void to_places(int* counts, int* scratch) {
  int* const own = counts + kDigits * threadIdx.x;  // as many consecutive counts as digits
  int sum = 0;
  for (int i = 0; i < kDigits; ++i) sum += own[i];
  int place = exclusive_block_sum(sum, scratch);
  for (int i = 0; i < kDigits; ++i) {
    const int count = own[i];
    own[i] = place;
    place += count;
  }
}

/// Radix sort from the lowest digit up, all of it in one block: every pass counts the digits in
/// each thread's share of consecutive tokens, turns the counts into places and moves the tokens
/// there in order, from one buffer to the other (the first pass reads `tokens` and writes a). Some
/// 16 bytes read and 8 written per token and pass.
__global__ void __launch_bounds__(kMaxThreads)
    sort_kernel(TokenPosition* a, TokenPosition* b, const int32_t* tokens, int n, int n_passes) {
  const int n_threads = static_cast<int>(blockDim.x);
  int* const counts = gpu::dynamic_shared<int>();
  int* const own = counts + threadIdx.x;  // strided by n_threads
  const int share = (n + n_threads - 1) / n_threads;
  const int begin = min(n, share * static_cast<int>(threadIdx.x)), end = min(n, begin + share);
  TokenPosition *in = b, *out = a;
  for (int pass = 0; pass < n_passes; ++pass) {
    const auto item = [=](int i) { return pass == 0 ? TokenPosition{tokens[i], i} : in[i]; };
    const auto digit = [=](TokenPosition token_position) {
      return (token_position.token >> (pass * kDigitBits)) & (kDigits - 1);
    };
    for (int i = 0; i < kDigits; ++i) own[i * n_threads] = 0;
    for (int i = begin; i < end; ++i) ++own[digit(item(i)) * n_threads];
    __syncthreads();
    to_places(counts, counts + kDigits * n_threads);
    __syncthreads();
    for (int i = begin; i < end; ++i) out[own[digit(item(i)) * n_threads]++] = item(i);
    __syncthreads();
    TokenPosition* const swapped = in;
    in = out;
    out = swapped;
  }
}

/// At least one: the first pass also numbers the tokens.
int n_passes_for(int64_t vocab_size) {
  const int n_bits = std::bit_width(static_cast<uint64_t>(vocab_size - 1));
  return std::max(1, (n_bits + kDigitBits - 1) / kDigitBits);
}

/// Whole warps.
int n_threads_for(int64_t n_tokens) {
  const int64_t wanted = gpu::n_parts(gpu::n_parts(n_tokens, kTokensPerThread), 32) * 32;
  return static_cast<int>(std::min<int64_t>(wanted, kMaxThreads));
}

}  // namespace

int64_t token_sort_scratch_bytes(int64_t n_tokens) {
  return 2 * aligned_bytes(n_tokens * static_cast<int64_t>(sizeof(TokenPosition)));
}

const TokenPosition* sort_tokens(const Exec& exec, TensorView tokens, int64_t vocab_size) {
  const auto allocate = [&] {
    return static_cast<TokenPosition*>(exec.arena.allocate(DType::i32, {tokens.size(), 2}).data);
  };
  TokenPosition* const a = allocate();
  TokenPosition* const b = allocate();
  const int n_passes = n_passes_for(vocab_size), n_threads = n_threads_for(tokens.size());
  const int64_t sorted_bytes = tokens.size() * static_cast<int64_t>(sizeof(TokenPosition));
  gpu::launch(native_stream(exec),
              {.name = "token_sort",
               .threads = n_threads,
               .shared_bytes = int64_t{n_threads} * (kDigits + 2) * 4,
               .bytes = {2 * n_passes * sorted_bytes, n_passes * sorted_bytes, true}},
              sort_kernel, a, b, tokens.as<int32_t>(), tokens.size(), n_passes);
  return n_passes % 2 == 1 ? a : b;
}

}  // namespace isoflop
