// SPDX-License-Identifier: MIT
#include "core/base/check.hpp"
#include "trainer/backend/cpu/attention_layout.hpp"
#include "trainer/backend/cpu/attention_manual.hpp"
#include "trainer/backend/cpu/attention_tiles.hpp"
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/cpu/cpu_ops.hpp"
#include "trainer/backend/cpu/parallel.hpp"
#include "trainer/backend/op_contracts.hpp"

namespace isoflop {
namespace {

using namespace attention;

/// Operands of attention; `sums` is f32 and shaped as qkv of as many sequences as it has.
struct Forward {
  TensorView out, lse, qkv;
  AttentionParams params;
};
struct Backward {
  TensorView d_qkv, row_sum, d_out, qkv, out, lse, sums;
  AttentionParams params;
};

/// Threads share (sequence, head, tile of queries). One head's tiles follow each other, so that its
/// keys and values stay in cache; the tiles that see most keys come first, so that the last task is
/// small.
void run_forward(const Forward& op) {
  const AttentionShape& heads = op.params.heads;
  const int64_t B = op.qkv.extent(0), T = op.qkv.extent(1), H = heads.n_head, n = n_tiles(T);
#pragma omp parallel for collapse(3) schedule(dynamic)
  for (int64_t b = 0; b < B; ++b) {
    for (int64_t h = 0; h < H; ++h) {
      for (int64_t i = 0; i < n; ++i) {
        const int64_t g = h / (H / heads.n_kv_head);
        forward_tile({.out = out_head(op.out, b, h),
                      .query = qkv_head(op.qkv, b, query_column(heads, h)),
                      .key = qkv_head(op.qkv, b, key_column(heads, g)),
                      .value = qkv_head(op.qkv, b, value_column(heads, g)),
                      .lse = statistic_of(op.lse, b, h),
                      .first_keys = {op.params.first_keys, b},
                      .D = heads.d_head,
                      .dropout = dropout_lane(op.params, T, b, h)},
                     tile_at(n - 1 - i, T));
      }
    }
  }
}

void compute_row_sums(const Backward& op) {
  const int64_t B = op.out.extent(0), T = op.out.extent(1), H = op.params.heads.n_head;
#pragma omp parallel for collapse(3)
  for (int64_t b = 0; b < B; ++b)
    for (int64_t h = 0; h < H; ++h)
      for (int64_t i = 0; i < n_tiles(T); ++i)
        row_products(statistic_of(op.row_sum, b, h), out_head(op.out, b, h),
                     out_head(op.d_out, b, h), tile_at(i, T), op.params.heads.d_head);
}

/// Sequences [first, first + n): as many as `sums` holds.
struct Wave {
  int64_t first, n;
};

BackwardHead backward_head(const Backward& op, const Wave& wave, int64_t b, int64_t h) {
  const AttentionShape& heads = op.params.heads;
  const int64_t T = op.qkv.extent(1), g = h / (heads.n_head / heads.n_kv_head);
  float* const sums = op.sums.as<float>() + (b - wave.first) * op.sums.strides[0];
  const int64_t row = op.sums.strides[1];
  return {.d_query = {sums + query_column(heads, h), row},
          .d_key = {sums + key_column(heads, g), row},
          .d_value = {sums + value_column(heads, g), row},
          .query = qkv_head(op.qkv, b, query_column(heads, h)),
          .key = qkv_head(op.qkv, b, key_column(heads, g)),
          .value = qkv_head(op.qkv, b, value_column(heads, g)),
          .d_out = out_head(op.d_out, b, h),
          .row_sum = statistic_of(op.row_sum, b, h),
          .lse = statistic_of(op.lse, b, h),
          .first_keys = {op.params.first_keys, b},
          .D = heads.d_head,
          .T = T,
          .dropout = dropout_lane(op.params, T, b, h)};
}

/// Threads share (sequence, key-value head): each gradient of keys and values has one writer.
void share_heads(const Backward& op, const Wave& wave) {
  const int64_t G = op.params.heads.n_kv_head, group = op.params.heads.n_head / G;
#pragma omp parallel for collapse(2) schedule(dynamic)
  for (int64_t b = wave.first; b < wave.first + wave.n; ++b) {
    for (int64_t g = 0; g < G; ++g) {
      for (int64_t h = g * group; h < (g + 1) * group; ++h) {
        const BackwardHead head = backward_head(op, wave, b, h);
        for (int64_t i = 0; i < n_tiles(head.T); ++i) backward_tiles(head, i);
      }
    }
  }
}

/// Threads share pairs of tiles too. Pairs of equal distance have no tile of queries or keys in
/// common; one distance follows the other, so that every sum is added up in one order.
void share_pairs(const Backward& op, const Wave& wave) {
  const int64_t G = op.params.heads.n_kv_head, group = op.params.heads.n_head / G;
  const int64_t n = n_tiles(op.qkv.extent(1));
#pragma omp parallel
  for (int64_t member = 0; member < group; ++member) {
    for (int64_t distance = 0; distance < n; ++distance) {
#pragma omp for collapse(3) schedule(dynamic)
      for (int64_t b = wave.first; b < wave.first + wave.n; ++b)
        for (int64_t g = 0; g < G; ++g)
          for (int64_t i = distance; i < n; ++i)
            backward_pair(backward_head(op, wave, b, g * group + member), i, i - distance);
    }
  }
}

void zero_sums(const TensorView& sums, int64_t n_sequences) {
  float* const values = sums.as<float>();
  const int64_t n = n_sequences * sums.strides[0];
  parallel_for(n, 64, n,
               [&](int64_t begin, int64_t end) { std::fill(values + begin, values + end, 0.0f); });
}

/// Rounds the sums of a wave into d_qkv.
void store_sums(const Backward& op, const Wave& wave) {
  const TensorView& out = op.d_qkv;
  const int64_t n = wave.n * out.strides[0], first = wave.first * out.strides[0];
  parallel_for(n, 64, n, [&](int64_t begin, int64_t end) {
    narrow(element(out.data, out.dtype, first + begin), out.dtype, op.sums.as<float>() + begin,
           end - begin);
  });
}

/// Sharing pairs costs a third more work (tiles are packed for each pair): worth it where sharing
/// heads would leave threads without work for more than a quarter of the time.
bool has_too_few_heads(int64_t n_heads, int64_t n_threads) {
  const int64_t rounds = (n_heads + n_threads - 1) / n_threads;
  return 4 * n_heads < 3 * rounds * n_threads;
}

void run_backward(const Backward& op, int64_t n_threads) {
  const int64_t B = op.qkv.extent(0), n_in_wave = op.sums.extent(0);
  compute_row_sums(op);
  for (int64_t b = 0; b < B; b += n_in_wave) {
    const Wave wave{b, std::min(n_in_wave, B - b)};
    zero_sums(op.sums, wave.n);
    if (has_too_few_heads(wave.n * op.params.heads.n_kv_head, n_threads))
      share_pairs(op, wave);
    else
      share_heads(op, wave);
    if (op.sums.data != op.d_qkv.data) store_sums(op, wave);
  }
}

}  // namespace

void CpuOps::attention_forward(const Exec& exec, TensorView out, TensorView stats, TensorView qkv,
                               const AttentionParams& params) {
  check_attention(out, stats, qkv, params);
  if (params.backend == AttentionBackend::manual)
    return manual_attention_forward(exec, matmul_, {out, stats, qkv}, params);
  ISOFLOP_CHECK(params.heads.d_head <= kMaxHead);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] { run_forward({out, stats, qkv, params}); });
}

/// f32 gradients are summed in place, others in f32 a sequence at a time and rounded once.
void CpuOps::attention_backward(const Exec& exec, TensorView d_qkv, TensorView scratch,
                                TensorView d_out, TensorView qkv, TensorView out, TensorView stats,
                                const AttentionParams& params) {
  check_attention(d_out, scratch, d_qkv, params);
  check_attention(out, stats, qkv, params);
  if (params.backend == AttentionBackend::manual)
    return manual_attention_backward(exec, matmul_, {d_qkv, scratch, d_out, qkv, stats}, params);
  ISOFLOP_CHECK(params.heads.d_head <= kMaxHead);
  const Arena::Scope scope(exec.arena);
  const Extents sequence{1, qkv.extent(1), qkv.extent(2), qkv.extent(3)};
  const TensorView sums =
      qkv.dtype == DType::f32 ? d_qkv : exec.arena.allocate(DType::f32, sequence);
  CpuDevice& device = as_cpu_device(exec.device);
  device.enqueue(exec.stream, [=, n_threads = device.n_threads()] {
    run_backward({d_qkv, scratch, d_out, qkv, out, stats, sums, params}, n_threads);
  });
}

}  // namespace isoflop
